// What login.defs(5) says of new hashes.
#pragma once

#include "crypt_hash.hh"

#include <string_view>

namespace poppass {

struct HashChoice {
    const HashMethod* method;
    std::int64_t cost; // 0: the method's usual one
};

// ENCRYPT_METHOD with the bounds of its cost, the upper one where both are given; the preferred
// method where it is not set. A method that is not known is trouble. Pure.
Result<HashChoice> parse_login_defs(std::string_view text);

// The same of /etc/login.defs; a missing one says nothing.
Result<HashChoice> read_login_defs();

} // namespace poppass
