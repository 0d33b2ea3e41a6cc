// Tells the accounts of persons from those of services.
#pragma once

#include <sys/types.h>

namespace poppass {

// Whether the uid is one that Debian's policy gives to persons, and not to services.
constexpr bool is_person(uid_t uid) {
    return uid >= 1000 && (uid < 60'000 || uid > 64'999) && uid != 65'534 && uid != 65'535;
}

} // namespace poppass
