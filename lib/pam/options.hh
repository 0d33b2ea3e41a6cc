// The options that the programs of PAM share.
#pragma once

#include "base/result.hh"
#include "link/report.hh"

#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace poppass {

struct PamOptions {
    std::string service;  // -s; empty: not given
    std::string strip;    // --strip: a domain, `*` for any; empty: none
    uid_t min_uid = 1000; // --min-uid
    bool renamed = false; // --renamed
    bool debug = false;   // -d

    // Takes an option as getopt_long returned it; a bad value is misuse.
    Result<void> take(int option, std::string_view value);

    // After the last option: settles the service (-s, else $PAM_SERVICE, else `poppass`), and sees
    // that we are root and that PAM has rules of each type for it.
    Result<void> check(std::span<const std::string_view> types);

    // After check(). Reports on the rules of these types.
    void look_over(std::string_view link, std::span<const std::string_view> types,
                   Report& report) const;
};

} // namespace poppass
