// In a native chain only the program that runs last knows the outcome. It runs as the user, who
// must not be able to write the table. So a holder, which can write it, waits for one byte on a
// socket pair. The other end of the pair goes through the chain.
#pragma once

#include "base/fd.hh"

#include <functional>

namespace poppass {

// Starts a holder. It calls `settle` with true when the byte comes, and with false at end of file.
// After ten minutes it ends without that. It is not a child of the chain, so that the chain gets no
// SIGCHLD. It has a session of its own, and keeps only descriptor 2 of ours. Returns the other end,
// which stays open across exec and is above 4, because 3 and 4 have a meaning for links.
Result<Fd> start_holder(const std::function<void(bool passed)>& settle);

// Sends the byte and closes the descriptor. Waits up to two seconds until `settle` has returned, so
// that what comes next can rely on it. It is misuse if the descriptor is no socket. Any other
// failure is ignored, because the user's password was right.
Result<void> tell_holder(int end);

} // namespace poppass
