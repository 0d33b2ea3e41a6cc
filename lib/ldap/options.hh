// The options that the programs of the directory share.
#pragma once

#include "ldap/session.hh"

#include <chrono>
#include <getopt.h>
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
    LdapSecurity security;             // --starttls, --ca
    std::chrono::seconds limit{0};     // -t: how long one server may take
    bool native = false;
    bool allow_expired = false;

    // For getopt_long(3). --native comes first, for who runs no native chains to begin behind it.
    static constexpr const char* letters = "+:H:D:b:q:w:y:t:hV";
    static constexpr int native_option = 256;
    static constexpr int starttls_option = 257;
    static constexpr int ca_option = 258;
    static constexpr int allow_expired_option = 259;
    static constexpr option words[] = {
        {"native", no_argument, nullptr, native_option},
        {"starttls", no_argument, nullptr, starttls_option},
        {"ca", required_argument, nullptr, ca_option},
        {"allow-expired", no_argument, nullptr, allow_expired_option},
        {"help", no_argument, nullptr, 'h'},
        {"version", no_argument, nullptr, 'V'},
        {},
    };

    // Takes an option as getopt_long returned it; a bad value is misuse.
    Result<void> take(int option, std::string_view value);

    // After the last option: whether they fit together, and defaults for those not given.
    Result<void> complete();
};

} // namespace poppass
