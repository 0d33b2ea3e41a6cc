// The signals that would end a program in the middle of a change.
#pragma once

#include <csignal>

namespace poppass {

// TERM, INT and HUP wait from here on. Returns what was blocked before.
sigset_t hold_signals();

} // namespace poppass
