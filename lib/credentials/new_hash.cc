#include "credentials/new_hash.hh"

#include "hash/scheme.hh"

namespace poppass {

Result<bool> verify_entry(std::string_view password, const std::optional<Entry>& entry,
                          const std::string& dummy) {
    if (!entry || is_crypt_scheme(entry->scheme) || entry->hash.empty())
        return verify_hash(password, hash_to_verify(entry), dummy);
    const std::string stored = std::string{entry->scheme}.append(entry->hash);
    const auto hash = split_stored(stored, crypt_scheme());
    if (!hash) return hash.error();
    const auto match = match_stored(*hash, password);
    if (!match) return match.error();
    if (*match == Match::malformed) return verify_hash(password, {}, dummy);
    return *match == Match::yes;
}

Result<NewHash> make_new_hash(const std::optional<Entry>& entry, std::string_view password,
                              const CredentialOptions& options) {
    const std::string prefix{entry ? entry->scheme : std::string_view{}};
    const auto old = split_stored(prefix, crypt_scheme());
    if (!old) return old.error();
    const Scheme& scheme = *old->scheme;
    const std::string_view old_hash = entry ? entry->hash : std::string_view{};
    if (options.method == nullptr && scheme.written && scheme.function != HashFunction::crypt) {
        auto hash = make_stored(scheme, password, old_hash);
        if (!hash) return hash.error();
        const bool usual = old->encoding == Encoding::usual;
        return NewHash{usual ? prefix : "{" + std::string{std::string_view{scheme.name}} + "}",
                       std::move(*hash)};
    }
    const HashMethod* const named = method_to_write(scheme, old_hash);
    const HashMethod* method = options.method != nullptr ? options.method : named;
    if (method == nullptr) method = &preferred_method();
    auto hash = make_hash(password, *method,
                          options.cost != 0 ? options.cost : cost_not_below(*method, old_hash));
    if (!hash) return hash.error();
    const bool scheme_stays = prefix.empty() || (options.method == nullptr && named != nullptr);
    return NewHash{scheme_stays ? prefix : "{CRYPT}", std::move(*hash)};
}

} // namespace poppass
