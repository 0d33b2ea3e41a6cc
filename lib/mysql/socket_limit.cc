#include "mysql/socket_limit.hh"

#include <cerrno>
#include <sys/socket.h>

namespace poppass {

namespace {

int limit_signal() { return SIGRTMIN; } // nothing else in poppass uses it

sigset_t only_ours() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, limit_signal());
    return set;
}

} // namespace

// Calls only functions that are safe in the middle of any other call.
void SocketLimit::shut_down(int, siginfo_t* info, void*) {
    const int saved = errno;
    auto& limit = *static_cast<SocketLimit*>(info->si_value.sival_ptr);
    limit.over_ = 1;
    ::shutdown(limit.socket_, SHUT_RDWR);
    errno = saved;
}

SocketLimit::SocketLimit() {
    struct sigaction action {};
    action.sa_sigaction = shut_down;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(limit_signal(), &action, &action_);
    const sigset_t ours = only_ours();
    sigset_t before;
    ::sigprocmask(SIG_UNBLOCK, &ours, &before);
    was_blocked_ = ::sigismember(&before, limit_signal()) == 1;
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = limit_signal();
    event.sigev_value.sival_ptr = this;
    works_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
}

SocketLimit::~SocketLimit() {
    if (works_) ::timer_delete(timer_);
    const sigset_t ours = only_ours(); // a set link may block others meanwhile
    if (was_blocked_) ::sigprocmask(SIG_BLOCK, &ours, nullptr);
    ::sigaction(limit_signal(), &action_, nullptr);
}

SocketLimit::Watch::Watch(SocketLimit& limit, int socket, Clock::time_point deadline)
    : limit_(limit) {
    limit_.socket_ = socket;
    itimerspec when{{}, time_until(deadline)};
    if (when.it_value.tv_sec == 0 && when.it_value.tv_nsec == 0) when.it_value.tv_nsec = 1;
    ::timer_settime(limit_.timer_, 0, &when, nullptr);
}

SocketLimit::Watch::~Watch() {
    const itimerspec never{};
    ::timer_settime(limit_.timer_, 0, &never, nullptr);
    limit_.socket_ = -1;
}

} // namespace poppass
