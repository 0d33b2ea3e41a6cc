#include "base/signals.hh"

#include <initializer_list>

namespace poppass {

sigset_t hold_signals() {
    sigset_t held;
    sigset_t before;
    ::sigemptyset(&held);
    for (const int number : {SIGALRM, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&held, number);
    ::sigprocmask(SIG_BLOCK, &held, &before);
    return before;
}

} // namespace poppass
