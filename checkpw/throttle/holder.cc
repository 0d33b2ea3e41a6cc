#include "throttle/holder.hh"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr int hold_milliseconds = 600'000;
constexpr int tell_milliseconds = 2'000;

[[noreturn]] void hold(int end, const std::function<void(bool)>& settle) {
    ::setsid();
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    if (::dup2(end, 3) != 3) ::_exit(1); // this closes the record, which belongs to the chain
    close_from(4);
    pollfd event{3, POLLIN, 0};
    char byte = 0;
    if (retried([&] { return ::poll(&event, 1, hold_milliseconds); }) == 1)
        settle(retried([&] { return ::read(3, &byte, 1); }) == 1);
    ::_exit(0); // the other end then reads end of file
}

} // namespace

Result<Fd> start_holder(const std::function<void(bool)>& settle) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return system_trouble("make a socket pair");
    const Fd holders{ends[0]};
    Fd chains{ends[1]};
    Fd kept{::fcntl(chains.get(), F_DUPFD, 5)};
    if (!kept) return system_trouble("make a socket pair");
    chains.reset();
    std::signal(SIGCHLD, SIG_DFL); // if it were ignored, waitpid would find no child
    const pid_t between = ::fork();
    if (between == 0) {
        const pid_t holder = ::fork();
        if (holder == 0) hold(holders.get(), settle);
        ::_exit(holder < 0 ? 1 : 0);
    }
    int status = 0;
    if (between < 0 || retried([&] { return ::waitpid(between, &status, 0); }) != between ||
        status != 0)
        return trouble("cannot start a process");
    return kept;
}

Result<void> tell_holder(int number) {
    struct stat status {};
    if (::fstat(number, &status) != 0 || !S_ISSOCK(status.st_mode))
        return misuse("descriptor " + std::to_string(number) +
                      " is not one that a guard opened; it must stay open from the guard to here");
    const Fd end{number};
    const char byte = '+';
    if (::send(number, &byte, 1, MSG_NOSIGNAL) != 1) return {};
    pollfd event{number, POLLIN, 0};
    (void)retried([&] { return ::poll(&event, 1, tell_milliseconds); });
    return {};
}

} // namespace poppass
