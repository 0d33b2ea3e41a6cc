// In a native chain the outcome is known only to what runs last, as the user, who must not reach
// the table. A holder can: it waits for one byte on a socket pair whose other end goes through the
// chain.
#pragma once

#include "base/fd.hh"

#include <functional>

namespace poppass {

// Starts a holder, which calls `passed` when the byte comes, and ends without at end of file or
// after ten minutes. It is nobody's child, so that the chain gets no SIGCHLD of it, in a session of
// its own, and has nothing open but descriptor 2. Gives the other end: kept open across exec, and
// above 4, which means something to links.
Result<Fd> start_holder(const std::function<void()>& passed);

// Sends the byte and closes the descriptor. Waits up to two seconds for `passed` to be done, so
// that what comes next can rely on it. A descriptor that is no socket is misuse; anything else that
// fails is none of the user's, who has passed.
Result<void> tell_holder(int end);

} // namespace poppass
