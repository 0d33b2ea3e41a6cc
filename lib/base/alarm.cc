#include "base/alarm.hh"

#include "base/exit_status.hh"

#include <unistd.h>

namespace poppass {

namespace {

// Calls only functions that are safe in the middle of any other call.
void end_process(int) {
    constexpr char words[] = "poppass: a call took longer than its limit\n";
    (void)!::write(2, words, sizeof words - 1);
    ::_exit(static_cast<int>(ExitStatus::temporary));
}

} // namespace

Alarm::Alarm(std::chrono::seconds limit) {
    struct sigaction action {};
    action.sa_handler = end_process;
    ::sigaction(SIGALRM, &action, &action_);
    sigset_t alarm;
    ::sigemptyset(&alarm);
    ::sigaddset(&alarm, SIGALRM);
    ::sigprocmask(SIG_UNBLOCK, &alarm, &mask_);
    const auto seconds = static_cast<unsigned>(limit.count());
    left_ = ::alarm(seconds);
    if (left_ != 0 && left_ < seconds) ::alarm(left_);
}

Alarm::~Alarm() {
    ::alarm(0);
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    ::sigaction(SIGALRM, &action_, nullptr);
    if (left_ == 0) return;
    const auto passed =
        std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_).count();
    ::alarm(passed < left_ ? left_ - static_cast<unsigned>(passed) : 1);
}

} // namespace poppass
