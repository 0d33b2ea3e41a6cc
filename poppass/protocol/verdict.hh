// The result of a check or a change, as the monitor sends it to the network side.
#pragma once

#include "link/reason.hh"

#include <cstdint>
#include <string_view>

namespace poppass {

enum class ChainOutcome : std::uint8_t {
    accepted,  // the old password is right; the new one is set
    rejected,  // refused; after a refused change the check stays valid
    misused,   // the chain is set up wrongly; nothing was done
    temporary, // not done, or it is not known; the reason says which
    unknown,   // it is not known what happened
};

struct Verdict {
    ChainOutcome outcome = ChainOutcome::unknown;
    // After a check: the tries are used up, and the session ends with this answer. After a change:
    // the next change needs a new check.
    bool last = false;
    std::string_view reason; // a link's, at most longest_reason, safe to show; or empty
};

// Why the monitor ends a session.
enum class Closing : std::uint8_t { time_is_up, shutting_down };

} // namespace poppass
