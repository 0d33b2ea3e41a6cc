// Decides whether the entry that a directory finds is that of the login. A directory compares more
// loosely than byte for byte, so without these rules one user could have any number of names. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// What a filter compares for equality with a text that holds %u or %s.
struct LdapComparison {
    std::string attribute;
    std::string text; // a template
};
std::vector<LdapComparison> find_comparisons(std::string_view filter);

// The value of a DN's first RDN; nothing if the RDN has more than one, or if it is no DN.
std::optional<std::string> first_rdn_value(const std::string& dn);

// Whether the DNs have the same first_rdn_value, apart from the case of ASCII letters.
bool same_first_rdn(const std::string& one, const std::string& other);

// Whether the DNs have the same values in the same order, apart from the case of ASCII letters.
bool same_dn(const std::string& one, const std::string& other);

} // namespace poppass
