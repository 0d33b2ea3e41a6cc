#include "credentials/new_hash.hh"

namespace poppass {

Result<NewHash> make_new_hash(const std::optional<Entry>& entry, std::string_view password,
                              const CredentialOptions& options) {
    const std::string_view scheme = entry ? entry->scheme : std::string_view{};
    if (!is_crypt_scheme(scheme))
        return trouble("the scheme " + std::string{scheme} + " is not one of crypt(3)");
    const std::string_view old_hash = entry ? entry->hash : std::string_view{};
    const HashMethod* const named = find_method(method_of_scheme(scheme));
    const HashMethod* method = options.method != nullptr ? options.method : named;
    if (method == nullptr) method = &preferred_method();
    auto hash = make_hash(password, *method,
                          options.cost != 0 ? options.cost : cost_not_below(*method, old_hash));
    if (!hash) return hash.error();
    const bool scheme_stays = scheme.empty() || (options.method == nullptr && named != nullptr);
    return NewHash{std::string{scheme_stays ? scheme : "{CRYPT}"}, std::move(*hash)};
}

} // namespace poppass
