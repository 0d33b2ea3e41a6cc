// What it costs to compute a stored hash of crypt(3). A hash that asks for too much is found out
// before it is computed, so that no row or line of a store can stop a check or take all memory.
#pragma once

#include "base/result.hh"

#include <cstdint>
#include <string_view>

namespace poppass {

// The limits for one hash, of crypt(3) and of other schemes. On a slow processor they come to about
// ten seconds, for unusual yescrypt settings to forty.
inline constexpr std::uint64_t most_memory = std::uint64_t{1} << 30;      // bytes
inline constexpr std::uint64_t most_memory_work = std::uint64_t{1} << 33; // bytes times passes
inline constexpr std::uint64_t most_lanes = 64;
inline constexpr std::int64_t most_rounds = 10'000'000; // of a hash function, one after the other
inline constexpr std::int64_t most_bcrypt_cost = 18;

// The trouble of a stored hash that asks for more. `what`: memory, or time.
Error too_costly(std::string_view what);

// Trouble if the hash asks for more. A malformed hash is good: crypt(3) refuses it at once.
Result<void> check_stored_cost(std::string_view hash);

} // namespace poppass
