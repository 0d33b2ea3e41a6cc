#include "ldap/login_name.hh"

#include "base/text.hh"

#include <algorithm>
#include <ldap.h>
#include <memory>

namespace poppass {

namespace {

using Dn = std::unique_ptr<LDAPRDN, decltype(&::ldap_dnfree)>;

Dn parse_dn(const std::string& text) {
    LDAPDN dn = nullptr;
    if (::ldap_str2dn(text.c_str(), &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS) dn = nullptr;
    return Dn{dn, ::ldap_dnfree};
}

std::string_view view(const berval& value) { return {value.bv_val, value.bv_len}; }

// The values of each RDN, one RDN after the other.
std::optional<std::vector<std::string_view>> values(const LDAPRDN* dn) {
    if (dn == nullptr) return std::nullopt;
    std::vector<std::string_view> all;
    for (; *dn != nullptr; ++dn)
        for (LDAPAVA* const* part = *dn; *part != nullptr; ++part)
            all.push_back(view((*part)->la_value));
    return all;
}

} // namespace

std::vector<LdapComparison> find_comparisons(std::string_view filter) {
    std::vector<LdapComparison> found;
    while (!filter.empty()) {
        const std::string_view item = filter.substr(0, filter.find_first_of("()"));
        filter.remove_prefix(std::min(filter.size(), item.size() + 1));
        const std::size_t equals = item.find('=');
        if (equals == item.npos) continue;
        // `~=`, `<=` and `>=` are other comparisons; a colon begins the name of a rule.
        const std::string_view attribute = trim(item.substr(0, std::min(equals, item.find(':'))));
        const std::string_view text = item.substr(equals + 1);
        const bool is_name =
            !attribute.empty() && std::string_view{"~<>"}.find(attribute.back()) == attribute.npos;
        const bool has_login = text.find("%u") != text.npos || text.find("%s") != text.npos;
        if (is_name && has_login && text.find_first_of("*\\") == text.npos)
            found.push_back({std::string{attribute}, std::string{text}});
    }
    return found;
}

std::optional<std::string> first_rdn_value(const std::string& dn) {
    const Dn parsed = parse_dn(dn);
    if (parsed == nullptr || parsed.get()[0] == nullptr || parsed.get()[0][1] != nullptr)
        return std::nullopt;
    return std::string{view(parsed.get()[0][0]->la_value)};
}

bool same_first_rdn(const std::string& one, const std::string& other) {
    const auto first = first_rdn_value(one);
    const auto second = first_rdn_value(other);
    return first && second ? same_but_for_case(*first, *second) : !first && !second;
}

bool same_dn(const std::string& one, const std::string& other) {
    const Dn first = parse_dn(one);
    const Dn second = parse_dn(other);
    const auto values_of_first = values(first.get());
    const auto values_of_second = values(second.get());
    return values_of_first && values_of_second &&
           std::equal(values_of_first->begin(), values_of_first->end(), values_of_second->begin(),
                      values_of_second->end(), same_but_for_case);
}

} // namespace poppass
