#include "credentials/dummy_hash.hh"

#include "hash/scheme.hh"

#include <algorithm>

namespace poppass {

void DummyHashes::see(std::string_view stored) {
    const auto hash = split_stored(stored, crypt_scheme());
    if (!hash) return;
    constexpr std::size_t shortest = 13; // descrypt's
    const bool crypt = hash->scheme->function == HashFunction::crypt;
    if (hash->text.empty() || (crypt && hash->text.size() < shortest)) return;
    const std::string_view scheme = crypt ? std::string_view{} : hash->scheme->name;
    const std::string_view cost = cost_part(*hash);
    const auto known = std::find_if(classes_.begin(), classes_.end(), [&](const auto& one) {
        return one.scheme == scheme && one.cost == cost;
    });
    const bool is_known = known != classes_.end();
    if (!is_known && classes_.size() == most_classes) return;
    // The beginning of a known class is enough, but a hash of descrypt has none.
    if (crypt && (!is_known || cost.empty()) && !is_hash(hash->text)) return;
    if (is_known) {
        ++known->count;
        return;
    }
    const auto place = std::find_if(classes_.begin(), classes_.end(), [&](const auto& one) {
        return std::pair{one.scheme, std::string_view{one.cost}} > std::pair{scheme, cost};
    });
    classes_.insert(place, {scheme, std::string{cost}, std::string{stored}, 1});
}

std::string DummyHashes::choose(const std::optional<SipKey>& key, std::string_view login) const {
    if (!key) {
        const auto largest =
            std::max_element(classes_.begin(), classes_.end(),
                             [](const auto& a, const auto& b) { return a.count < b.count; });
        return largest == classes_.end() ? std::string{} : largest->example;
    }
    std::uint64_t total = 0;
    for (const auto& one : classes_) total += one.count;
    // A number below `total`. Each class has as many of them as it has hashes, so a new user moves
    // few logins to another class.
    std::uint64_t number = (siphash(*key, login) >> 32) * total >> 32;
    for (const auto& one : classes_) {
        if (number < one.count) return one.example;
        number -= one.count;
    }
    return {};
}

} // namespace poppass
