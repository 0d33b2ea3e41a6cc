// The URIs of a directory's servers, and the DNs and filters that are made from a login. Pure.
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

    // The URI for libldap: scheme, and host and port or path. It has no part that names entries.
    std::string text() const;
};

// A list of URIs, separated by spaces: ldap://HOST[:PORT], ldaps://HOST[:PORT], and ldapi://PATH
// with its slashes as %2F. Anything more in one (a base, a filter, an extension) is misuse.
Result<std::vector<LdapUri>> parse_ldap_uris(std::string_view text);

// Whether its host is localhost, or an address of 127.0.0.0/8 or ::1.
bool is_loopback(const LdapUri& uri);

// The server of the list that has the host and port of a referral. If both ports are the usual ones
// of their schemes, the schemes may differ: referrals often name a server behind TLS as
// ldap://HOST.
std::optional<std::size_t> find_referred(std::string_view referral,
                                         const std::vector<LdapUri>& servers);

// Checks a template of a DN or a filter. In it %s is the login. If it has %d, which is the login's
// part after the last @, then %u is the part before that @; else %u is the whole login. So no part
// of a login is ever ignored. %% is a percent sign. It is misuse if anything else follows a %, or
// if the template does not hold all of the login; the error calls the template `name`.
Result<void> check_ldap_template(std::string_view name, std::string_view text);

// Where a value goes. It is escaped by RFC 4514, section 2.4, or RFC 4515, section 3; in plain text
// it stays as it is.
enum class LdapSyntax { dn, filter, plain };

// Fills the template in. Returns nothing if a value would be empty or the login is not UTF-8: the
// directory has no such user.
std::optional<std::string> expand_ldap_template(std::string_view text, std::string_view login,
                                                LdapSyntax syntax);

} // namespace poppass
