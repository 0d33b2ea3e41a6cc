// The options that the programs of the directory share.
#pragma once

#include "ldap/session.hh"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

struct LdapOptions {
    std::vector<LdapUri> servers;      // -H
    std::string user_dn;               // -D
    std::string base;                  // -b
    std::string filter;                // -q
    std::string service_dn;            // -w
    std::string service_password_file; // -y
    std::string name_attribute;        // --name: of a search, has the user's name
    bool utf8 = false;                 // --utf8: logins that are not ASCII
    bool named = false;                // the name of the user is needed
    LdapSecurity security;             // --starttls, --ca
    std::chrono::seconds limit{0};     // -t: how long one server may take

    // Of user_dn: it names the user.
    std::string_view first_rdn() const {
        return std::string_view{user_dn}.substr(0, user_dn.find(','));
    }

    // Takes an option as getopt_long returned it; a bad value is misuse.
    Result<void> take(int option, std::string_view value);

    // After the last option, with `named` set: whether they fit together, and defaults for those
    // not given.
    Result<void> complete();
};

} // namespace poppass
