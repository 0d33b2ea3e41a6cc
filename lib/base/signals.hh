// Signals that would end a program in the middle of a change.
#pragma once

#include <csignal>
#include <span>

namespace poppass {

// Signals that tell a program to end.
inline constexpr int held_signals[] = {SIGALRM, SIGTERM, SIGINT, SIGHUP};

// Blocks held_signals. Returns the set of signals that were blocked before.
sigset_t hold_signals();

// Whether one of these signals came while it was blocked.
bool has_come(std::span<const int> signals);

} // namespace poppass
