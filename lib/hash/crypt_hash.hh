// Makes and verifies hashes of crypt(3). Verifying takes the same time if the user has no hash.
#pragma once

#include "base/fixed_text.hh"
#include "base/result.hh"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace poppass {

// A method that new hashes may be made with.
struct HashMethod {
    FixedText<14> name;      // as crypt(5) calls it
    FixedText<6> prefix;     // what its hashes begin with
    std::int64_t least_cost; // both 0: its cost cannot be chosen
    std::int64_t most_cost;  // no more than hash/crypt_cost.hh lets a stored hash ask for
    std::int64_t usual_cost; // 0: libcrypt's
    std::size_t longest;     // how many bytes of a password it reads; 0: all
    bool seven_bit;          // it ignores the highest bit of each byte
};

// The method of that name; nullptr if libcrypt or this module makes no such hashes.
const HashMethod* find_method(std::string_view name);

// The method that libcrypt prefers.
const HashMethod& preferred_method();

// Misuse if the method has no such cost. 0 means its usual cost, and is always good.
Result<void> check_cost(const HashMethod& method, std::int64_t cost);

// The beginning of a hash, which gives its method and cost: "$6$", "$6$rounds=5000$", "$2b$12$",
// "$y$j9T$". Empty for descrypt.
std::string_view cost_part(std::string_view hash);

// The cost of a new hash that must not be cheaper than the old one. It is the cost of the old hash
// if both are bcrypt or the same kind of SHA-crypt and that cost is above the usual one; else it is
// 0.
std::int64_t cost_not_below(const HashMethod& method, std::string_view old_hash);

// Each password is a view followed by a NUL, as in a record, so that libcrypt can read it in place.

// Makes a new hash. A password that the method would cut is refused (rejected, with text for the
// user).
Result<std::string> make_hash(std::string_view password, const HashMethod& method,
                              std::int64_t cost);

enum class Match { yes, no, malformed };

// Whether `hash` is a hash of this password. It is trouble if the hash asks for too much memory or
// time. It is malformed if it is empty, locked, cut, or not of crypt(3).
Result<Match> match_crypt(std::string_view password, const std::string& hash);

// Whether `hash` is a hash of this password. A malformed one matches no password. Then a hash like
// `usual` is computed, so that the time is the same; if `usual` is malformed too, one of the
// preferred method. It is trouble if the hash asks for too much memory or time, or if not even a
// good hash can be computed.
Result<bool> verify_hash(std::string_view password, const std::string& hash,
                         const std::string& usual);

// Whether it has the form of a hash that libcrypt can verify. Clear text has this form only by
// chance.
bool is_hash(std::string_view text);

} // namespace poppass
