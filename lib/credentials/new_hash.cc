#include "credentials/new_hash.hh"

#include "hash/scheme.hh"

namespace poppass {

Result<bool> verify_entry(std::string_view password, const std::optional<Entry>& entry,
                          const std::string& dummy) {
    const auto match_text = [&](const std::string& stored) -> Result<Match> {
        const auto hash = split_stored(stored, crypt_scheme());
        return hash ? match_stored(*hash, password) : hash.error();
    };
    const bool other = entry && !is_crypt_scheme(entry->scheme) && !entry->hash.empty();
    const auto match = other ? match_text(std::string{entry->scheme}.append(entry->hash))
                             : match_crypt(password, hash_to_verify(entry));
    if (!match) return match.error();
    if (*match != Match::malformed) return *match == Match::yes;
    const auto dummy_match = match_text(dummy);
    if (dummy_match && *dummy_match != Match::malformed) return false;
    return verify_hash(password, {}, {});
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
