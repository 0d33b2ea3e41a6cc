// Hashes of crypt(3): making them, verifying them, and spending the same time where there is none.
#pragma once

#include "base/result.hh"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// A method that new hashes may be made with.
struct HashMethod {
    std::string_view name;   // as crypt(5) calls it
    std::string_view prefix; // what its hashes begin with
    std::int64_t least_cost; // both 0: its cost cannot be chosen
    std::int64_t most_cost;
    std::size_t longest; // how many bytes of a password it reads; 0: all
    bool seven_bit;      // it ignores the highest bit of each byte
};

// The method of that name; nullptr where libcrypt or we make no such hashes.
const HashMethod* find_method(std::string_view name);

// The method that libcrypt prefers.
const HashMethod& preferred_method();

// Misuse where the method has no such cost; 0 is its usual cost, and always good.
Result<void> check_cost(const HashMethod& method, std::int64_t cost);

// The cost for a new hash of this method that must not be cheaper than the one it replaces: that
// one's, where both are bcrypt or the same SHA-crypt and it is above the usual; else 0.
std::int64_t cost_not_below(const HashMethod& method, std::string_view old_hash);

// A password is a view followed by a NUL, as in a record, so that libcrypt can read it where it is.

// A new hash. A password that the method would cut is refused (rejected, with words for the user).
Result<std::string> make_hash(std::string_view password, const HashMethod& method,
                              std::int64_t cost);

// Whether `hash` is of this password. A hash that is empty, locked or otherwise none matches
// nothing and costs as much as `usual`, another hash; where that is none either, as a preferred
// one. Trouble only where not even that can be computed, so that trouble does not depend on the
// hash.
Result<bool> verify_hash(std::string_view password, const std::string& hash,
                         const std::string& usual);

// Finds the hash that is the most usual of those it sees, by method and cost.
class UsualHash {
public:
    static constexpr std::size_t sample = 100; // it looks no further

    void see(std::string_view hash);
    bool full() const { return seen_ >= sample; }
    std::string hash() const; // empty where none was seen

private:
    struct Kind {
        std::string example;
        std::size_t count;
    };
    std::vector<Kind> kinds_;
    std::size_t seen_ = 0;
};

} // namespace poppass
