// The counting rule of the guard. Pure: table, key and time are arguments.
//
// Failures are counted in quarters: a wrong password is four, trouble behind a store that may have
// judged the password is one. The counts are in count-min sketches, which have a fixed size. A name
// has one counter in each of the `depth` rows of a sketch, and the key determines which. Names
// share counters. The estimate of a name's failures is the least of its counters, so it is seldom
// too high. To clear a name subtracts the estimate from each of its counters. A name that shares
// one of them loses as much there, so its estimate can be too low.
#pragma once

#include "base/siphash.hh"
#include "link/address_range.hh"
#include "throttle/little_endian.hh"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Seconds since 1970: the counts and the successes outlast a start of the system. What is from the
// future does not count, because then the clock was wrong, or was set back.
using Seconds = std::uint32_t;

struct ThrottleLimits {
    std::uint32_t tries = 5; // failures of a login from an address that need no wait
    // A failure counts for at least half of the window, and at most all of it.
    Seconds window = 3600;
};
inline constexpr std::uint32_t most_tries = 1000;
inline constexpr Seconds least_window = 2;
inline constexpr Seconds most_window = 604'800;

// An address has several users, and a login can be attacked from many addresses. Their limits are
// `tries` times these.
inline constexpr std::uint32_t address_factor = 4;
inline constexpr std::uint32_t login_factor = 10;

// The wait at the limit. It doubles with each further failure, up to the longest one, and is never
// above half of the window.
inline constexpr Seconds first_wait = 10;
inline constexpr Seconds longest_wait = 900;

// A login over its limit is under attack. Then about one network is admitted in each epoch, besides
// the addresses from which the login succeeded in this time.
inline constexpr Seconds epoch_length = 60;
inline constexpr unsigned success_days = 90;

// So many addresses a day are remembered to have succeeded for a login for the first time.
// Otherwise one user with many addresses could fill the table of the successes, and then any
// stranger would pass for an address that succeeded.
inline constexpr std::uint8_t new_addresses = 32;

// A failure, in the unit that is counted, and what stays of it where the chain had trouble.
inline constexpr std::uint32_t whole_failure = 4;
inline constexpr std::uint32_t trouble_share = 1;

// The rows of each sketch.
inline constexpr std::size_t depth = 4;

// What is counted.
enum class Kind : std::uint8_t { pair, address, login };
inline constexpr std::size_t kinds = 3;

// One counter of a sketch, in two halves of the window.
struct Counter {
    LittleEndian<Seconds> started; // the start of the present half
    LittleEndian<Seconds> last;    // the time of the last failure
    LittleEndian<std::uint16_t> now;
    LittleEndian<std::uint16_t> before; // the count of the half before
    bool operator==(const Counter&) const = default;
};

// How many addresses were remembered on a day, counted from 1970.
struct Remembered {
    LittleEndian<std::uint16_t> day;
    std::uint8_t count;
};

// The draw of the networks that a login under attack admits. In an epoch a network is drawn with
// the probability 2^-k. `k` rises by one for each network after the first that an epoch admits: at
// once for those after the third, and after the epoch for the second and the third. It falls by one
// after an epoch without any. So it follows the number of networks that try, and however they try,
// n epochs admit n networks, and `k` more.
struct Draw {
    LittleEndian<std::uint32_t> epoch;
    std::array<LittleEndian<std::uint16_t>, 3> marks; // of the networks that were admitted last
    std::uint8_t admitted;                            // how many were, in this epoch
    std::uint8_t k;
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

// The sketches and the list. All zeros: nothing was counted.
struct ThrottleTable {
    static constexpr std::size_t pair_width = 16384;
    static constexpr std::size_t width = 4096;
    static constexpr std::size_t success_width = 262'144;

    std::array<std::array<Counter, pair_width>, depth> pairs;
    std::array<std::array<Counter, width>, depth> addresses;
    std::array<std::array<Counter, width>, depth> logins;
    // A Bloom filter of the pairs that have succeeded. It has the day of the last success, counted
    // from 1970, where other such filters have a bit.
    std::array<std::array<LittleEndian<std::uint16_t>, success_width>, depth> successes;
    std::array<std::array<Remembered, width>, depth> remembered; // of logins, a count-min sketch
    std::array<Draw, width> draws;
    LittleEndian<std::uint32_t> refusal_time; // the running mean, in microseconds
    std::array<Waiter, 1024> waiters;
};

// Who makes an attempt.
struct Attempt {
    std::string login;   // in lower case, without blanks around it
    std::string address; // as it is counted; "-" if it is not known
    std::string network; // of the address: its first 24 bits, or 48 of IPv6
    bool address_counts; // whether failures of the address are counted by themselves
};

// `peer` as parse_address gives it. Loopback addresses and those in `spared` are not counted by
// themselves.
Attempt make_attempt(std::string_view login, const std::optional<std::string>& peer,
                     std::span<const AddressRange> spared);

// What was charged for an attempt, so that the charge can be taken back.
struct Charge {
    struct Change {
        Counter before;
        Counter after;
    };
    std::array<std::array<Change, depth>, kinds> changes{};
};

struct Decision {
    enum class Kind {
        admitted,
        must_wait,   // and may be told so
        turned_away, // and must not be told from a wrong password
    };
    Kind kind;
    Seconds wait = 0;   // of must_wait
    Charge charge = {}; // unless it must wait
};

class Throttle {
public:
    Throttle(ThrottleTable& table, const SipKey& key, ThrottleLimits limits)
        : table_(table), key_(key), limits_(limits) {}

    // Decides about an attempt, and charges it unless it must wait.
    //
    // Nobody can tell from answers and waits whether the login succeeded from the address before:
    // an attempt that is turned away is charged as if the password had been wrong, and the wait of
    // the pair is not told while the login is under attack. A pair that waits is turned away then,
    // and the attempt is not charged to it.
    Decision decide(const Attempt& attempt, Seconds now);

    // How long pair and address have to wait; 0: they need not.
    Seconds wait(const Attempt& attempt, Seconds now) const;

    // The estimate of the quarters that are counted for such an attempt.
    std::uint32_t quarters(const Attempt& attempt, Kind kind, Seconds now) const;

    // Counts the attempt as a failure. The count stays unless one of the next three is called.
    Charge charge(const Attempt& attempt, Seconds now);

    // Takes the charge back, because the chain was not run.
    void take_back(const Attempt& attempt, const Charge& charge, Seconds now);

    // Takes back all of the charge but trouble_share, because the chain had trouble. The first
    // store of the chain may have judged the password all the same.
    void take_most_back(const Attempt& attempt, const Charge& charge, Seconds now);

    // Takes the charge back because the password was right. Failures before it stay counted: if a
    // success cleared them, it would give new guesses to anybody at the same address, and the waits
    // there would tell of it. Also remembers that the pair has succeeded, unless it is the login's
    // new address number 33 of the day.
    void succeed(const Attempt& attempt, const Charge& charge, Seconds now);

    // A check that was refused took so long. The mean is the time after which an attempt that is
    // turned away is answered.
    void note_refusal(std::chrono::microseconds took);
    std::chrono::microseconds refusal_time() const;

    struct Waiting {
        Kind kind;
        std::string login; // its beginning
        std::string address;
        std::uint32_t failures; // whole ones
        Seconds wait;           // not of a login
        std::uint64_t one_in;   // of a login: of so many networks one is admitted
    };
    // Everybody who has to wait, and the logins under attack. Only about the last 1024 pairs,
    // addresses and logins that had to wait are known.
    std::vector<Waiting> list(Seconds now) const;

    // Clears the login and the address of that name, and the pairs of the list that contain it.
    // False if nothing was counted for the name.
    bool clear(std::string_view name, Seconds now);

private:
    using Hashes = std::array<std::uint64_t, kinds>;
    Hashes hash(std::string_view login, std::string_view address) const;
    std::array<Counter*, depth> counters(Kind kind, std::uint64_t hash) const;
    std::array<LittleEndian<std::uint16_t>*, depth> successes(std::uint64_t pair) const;
    std::uint32_t estimate(Kind kind, std::uint64_t hash, Seconds now) const;
    bool is_over(Kind kind, std::uint64_t hash, Seconds now) const;
    Seconds wait(Kind kind, std::uint64_t hash, Seconds now) const;
    void charge(Charge& charge, const Attempt& attempt, Kind kind, Seconds now);
    bool draw(const Attempt& attempt, std::uint64_t login, Seconds now);
    bool has_succeeded(std::uint64_t pair, Seconds now) const;
    bool may_remember(std::uint64_t login, Seconds now);
    bool clear(Kind kind, std::uint64_t hash, Seconds now);
    void give_back(const Attempt& attempt, const Charge& charge, Seconds now, std::uint32_t share);

    ThrottleTable& table_;
    const SipKey key_;
    const ThrottleLimits limits_;
};

} // namespace poppass
