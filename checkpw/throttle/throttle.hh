// The counting rule of the guard. Pure: table, key and time are handed in.
//
// Failures are counted in a table of fixed size. A name has one slot in each of four rows, at
// places that the key hides; names share slots, and the least of its four counts is a name's. So no
// guesser is taken for a stranger, and few strangers for guessers. (A success clears a name: where
// others had added to all four of its counts, they lose as much.)
#pragma once

#include "throttle/address_range.hh"
#include "throttle/little_endian.hh"
#include "throttle/siphash.hh"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Of a clock that does not go back; above 0.
using Seconds = std::uint32_t;

struct ThrottleLimits {
    std::uint32_t tries = 5; // failures of a login from an address that need no wait
    // A failure counts for at least half of it and at most all of it.
    Seconds window = 3600;
};
inline constexpr std::uint32_t most_tries = 1000;
inline constexpr Seconds least_window = 2;
inline constexpr Seconds most_window = 604'800;

// An address has more users than one, and a login may be guessed at from everywhere: their limits
// are `tries` times these.
inline constexpr std::uint32_t address_factor = 4;
inline constexpr std::uint32_t login_factor = 10;

// The wait at the limit; it doubles with each failure more, up to the longest, and is never above
// half the window.
inline constexpr Seconds first_wait = 10;
inline constexpr Seconds longest_wait = 900;
inline constexpr Seconds longest_login_wait = 60;

inline constexpr std::size_t rows = 4;

// What is counted.
enum class Kind : std::uint8_t { pair, address, login };
inline constexpr std::size_t kinds = 3;

// One count, in two halves of the window.
struct Slot {
    LittleEndian<Seconds> started; // of the present half
    LittleEndian<Seconds> last;    // failure
    LittleEndian<std::uint16_t> now;
    LittleEndian<std::uint16_t> before; // in the half before
    bool operator==(const Slot&) const = default;
};

// Somebody who had to wait, for the list.
struct Waiter {
    std::array<LittleEndian<std::uint64_t>, kinds> hashes; // of the pair, its address, its login
    LittleEndian<Seconds> window;
    LittleEndian<std::uint32_t> tries; // 0: nobody
    Kind kind;
    std::array<char, 71> login; // the beginning, ended by NUL
    std::array<char, 48> address;
};

// All zeros: nothing was counted.
struct ThrottleTable {
    static constexpr std::size_t pair_width = 16384;
    static constexpr std::size_t width = 4096;
    static constexpr std::size_t success_width = 16384;

    std::array<std::array<Slot, pair_width>, rows> pairs;
    std::array<std::array<Slot, width>, rows> addresses;
    std::array<std::array<Slot, width>, rows> logins;
    // When a pair last succeeded.
    std::array<std::array<LittleEndian<Seconds>, success_width>, rows> successes;
    std::array<Waiter, 1024> waiters;
};

// Who tries.
struct Attempt {
    std::string login;   // in lower case, without blanks around it
    std::string address; // as it is counted; "-" where none is known
    bool address_counts; // by itself
};

// `peer` as parse_address gives it. Addresses of the loopback and those in `spared` do not count by
// themselves.
Attempt make_attempt(std::string_view login, const std::optional<std::string>& peer,
                     std::span<const AddressRange> spared);

// What an attempt was charged, to be taken back.
struct Charge {
    struct Change {
        Slot before;
        Slot after;
    };
    std::array<std::array<Change, rows>, kinds> changes{};
};

class Throttle {
public:
    Throttle(ThrottleTable& table, const SipKey& key, ThrottleLimits limits)
        : table_(table), key_(key), limits_(limits) {}

    // How long the attempt has to wait; 0: it may go on.
    Seconds wait(const Attempt& attempt, Seconds now) const;

    // What is counted for one like it by now.
    std::uint32_t failures(const Attempt& attempt, Kind kind, Seconds now) const;

    // Counts the attempt as a failure, for good unless one of the next two is called.
    Charge charge(const Attempt& attempt, Seconds now);

    // Nothing was learned of the password.
    void take_back(const Attempt& attempt, const Charge& charge, Seconds now);

    // The password was right: also clears the pair, and remembers it.
    void succeed(const Attempt& attempt, const Charge& charge, Seconds now);

    struct Waiting {
        Kind kind;
        std::string login; // its beginning
        std::string address;
        std::uint32_t failures;
        Seconds wait;
    };
    // Who waits. Of pairs, addresses and logins that have waited the last 1024 or so are known.
    std::vector<Waiting> list(Seconds now) const;

    // Clears the login and the address of that name, and the pairs of the list that they are in.
    // False where nothing was counted for it.
    bool clear(std::string_view name, Seconds now);

private:
    using Hashes = std::array<std::uint64_t, kinds>;
    Hashes hash(std::string_view login, std::string_view address) const;
    std::array<Slot*, rows> slots(Kind kind, std::uint64_t hash) const;
    std::uint32_t count(Kind kind, std::uint64_t hash, Seconds now) const;
    Seconds wait(Kind kind, std::uint64_t hash, Seconds now) const;
    bool has_succeeded(std::uint64_t pair, Seconds now) const;
    bool clear(Kind kind, std::uint64_t hash, Seconds now);

    ThrottleTable& table_;
    const SipKey key_;
    const ThrottleLimits limits_;
};

} // namespace poppass
