// The names that a directory is asked by: its servers, and the DNs and filters that hold a login.
// Pure.
#pragma once

#include "base/result.hh"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

struct LdapUri {
    enum class Scheme { ldap, ldaps, ldapi };
    Scheme scheme;
    std::string host; // in lower case, without brackets; ldapi: empty
    std::string port; // digits; ldapi: empty
    std::string path; // ldapi: of the socket

    // As libldap wants it: scheme, and host and port or path; nothing that could ask for more.
    std::string text() const;
};

// A list of URIs, separated by spaces: ldap://HOST[:PORT], ldaps://HOST[:PORT], and ldapi://PATH
// with its slashes as %2F. Anything more in one (a base, a filter, an extension) is misuse.
Result<std::vector<LdapUri>> parse_ldap_uris(std::string_view text);

// Whether its host is this machine by its very name: localhost, 127.0.0.0/8 or ::1.
bool is_loopback(const LdapUri& uri);

// Which of our servers a referral means: the one of that host and port. Where both ports are the
// schemes' own, the scheme may differ, for a server behind TLS is often referred to as ldap://HOST.
std::optional<std::size_t> find_referred(std::string_view referral,
                                         const std::vector<LdapUri>& servers);

// A template for a DN or a filter: %s is the login; with %d, its part after the last @, %u is the
// part before, and without it all of the login, so that no part of one is ever ignored; %% is a
// percent sign. Anything else after a %, and a template that does not hold all of the login, is
// misuse; the error calls it by `name`.
Result<void> check_ldap_template(std::string_view name, std::string_view text);

// Where the values go decides how they are escaped: RFC 4514, section 2.4; RFC 4515, section 3.
enum class LdapSyntax { dn, filter };

// The template filled in. Nothing where a value would be empty, or the login is not UTF-8: the
// directory has no such user.
std::optional<std::string> expand_ldap_template(std::string_view text, std::string_view login,
                                                LdapSyntax syntax);

} // namespace poppass
