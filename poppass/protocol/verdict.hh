// What became of a check or a change, as the monitor tells the network side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace poppass {

enum class ChainOutcome : std::uint8_t {
    accepted,  // the old password is right; the new one is set
    rejected,  // refused; at a change the check stays good for another try
    misused,   // the chain is set up wrongly; nothing was done
    temporary, // not done, or not known to be; the reason says which
    unknown,   // cannot be told
};

// The longest text of a link that is passed on, in bytes.
inline constexpr std::size_t longest_reason = 200;

struct Verdict {
    ChainOutcome outcome = ChainOutcome::unknown;
    // A check: the tries are used up, the session ends with this answer. A change: no other one may
    // be tried without a new check.
    bool last = false;
    std::string_view reason; // a link's own, at most longest_reason, safe to show; or empty
};

// Why the monitor ends a session.
enum class Closing : std::uint8_t { time_is_up, shutting_down };

} // namespace poppass
