#include "link/rest.hh"

#include "base/log.hh"
#include "process/parent_signal.hh"

#include <sys/wait.h>
#include <unistd.h>

namespace poppass {

Result<ChildEnd> run_rest(const Rest& rest) {
    prepare_for_children();
    sigset_t handed;
    ::sigemptyset(&handed);
    for (const int number : {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2})
        ::sigaddset(&handed, number);
    ::sigprocmask(SIG_BLOCK, &handed, nullptr);
    const pid_t parent = ::getpid();
    const unsigned time_left = ::alarm(0); // fork clears an alarm
    ::alarm(time_left);
    const pid_t pid = ::fork();
    if (pid < 0) return system_trouble("start a process");
    if (pid == 0) {
        ::sigprocmask(SIG_SETMASK, &rest.blocked, nullptr);
        ::alarm(time_left);
        const Error error = !rest.ends_with_us || set_parent_signal({SIGKILL, parent})
                                ? run_next(rest.next)
                                : system_trouble("set the signal at the parent's end");
        complain(rest.program, error.message());
        ::_exit(static_cast<int>(error.status));
    }
    ::close(3);
    for (;;) {
        int number = 0;
        if (::sigwait(&handed, &number) != 0) continue;
        if (number != SIGCHLD) {
            ::kill(pid, number);
            continue;
        }
        int status = 0;
        if (::waitpid(pid, &status, WNOHANG) != pid) continue;
        if (WIFEXITED(status)) return ChildEnd{ChildEnd::How::exited, WEXITSTATUS(status), pid};
        return ChildEnd{ChildEnd::How::killed, WTERMSIG(status), pid};
    }
}

} // namespace poppass
