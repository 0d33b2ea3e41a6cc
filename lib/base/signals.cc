#include "base/signals.hh"

#include <algorithm>

namespace poppass {

sigset_t hold_signals() {
    sigset_t held;
    sigset_t before;
    ::sigemptyset(&held);
    for (const int number : held_signals) ::sigaddset(&held, number);
    ::sigprocmask(SIG_BLOCK, &held, &before);
    return before;
}

bool has_come(std::span<const int> signals) {
    sigset_t pending;
    ::sigpending(&pending);
    return std::any_of(signals.begin(), signals.end(),
                       [&](int number) { return ::sigismember(&pending, number) == 1; });
}

} // namespace poppass
