// Signals that would end a program in the middle of a change.
#pragma once

#include <csignal>

namespace poppass {

// Blocks SIGALRM, SIGTERM, SIGINT and SIGHUP. Returns the set of signals that were blocked before.
sigset_t hold_signals();

} // namespace poppass
