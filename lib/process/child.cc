#include "process/child.hh"

#include "base/clock.hh"
#include "base/fd.hh"
#include "process/become_user.hh"
#include "process/parent_signal.hh"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace poppass {

namespace {

using Sink = std::function<void(std::string_view)>;

constexpr std::chrono::seconds alarm_after_limit{10}; // later than SIGKILL

struct Pipes {
    Pipe record; // has no descriptors where the child gets no record; likewise the others
    Pipe output;
    Pipe errors;
    Pipe failure; // takes the errno value of a forked child that could not become the program
};

// Makes a pipe that the child writes to, where there is a sink.
Result<void> make_output(const Sink& sink, Pipe& into) {
    if (!sink) return {};
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    if (::fcntl(pipe->read_end.get(), F_SETFL, O_NONBLOCK) != 0)
        return system_trouble("prepare a pipe");
    into = std::move(*pipe);
    return {};
}

Result<Pipes> make_pipes(const Child& child) {
    Pipes pipes;
    if (child.record != nullptr) {
        auto record = make_pipe();
        if (!record) return record.error();
        // A pipe holds at least 4096 bytes, so this never waits for a reader. A child that closes
        // the pipe without reading does no harm.
        if (auto done = write_whole(record->write_end.get(), child.record->view()); !done)
            return done.error();
        record->write_end.reset();
        pipes.record = std::move(*record);
    }
    if (auto done = make_output(child.output, pipes.output); !done) return done.error();
    if (auto done = make_output(child.errors, pipes.errors); !done) return done.error();
    if (child.identity) {
        auto failure = make_pipe();
        if (!failure) return failure.error();
        pipes.failure = std::move(*failure);
    }
    return pipes;
}

// Puts the descriptor on that number. True also where there is none to put.
bool put_on(const Fd& fd, int number) {
    if (!fd) return true;
    // dup2 of a descriptor onto itself would leave close-on-exec set.
    if (fd.get() == number) return ::fcntl(number, F_SETFD, 0) == 0;
    return ::dup2(fd.get(), number) == number;
}

// What the child does until it is another program; after vfork it shares our memory. Returns only
// on failure, with the errno value that says why.
int execute(const Child& child, const Pipes& pipes, pid_t parent) {
    ::setpgid(0, 0);
    if (!put_on(pipes.output.write_end, 1)) return errno;
    if (!put_on(pipes.errors.write_end, 2)) return errno;
    // Descriptor 3 comes last, because one of the other ends may have had this number.
    if (!put_on(pipes.record.read_end, 3)) return errno;
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return errno;
    // execve resets handlers, but a signal that we ignore would stay ignored.
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2})
        if (::sigaction(number, &normal, nullptr) != 0) return errno;
    sigset_t none;
    ::sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return errno;
    if (child.identity)
        if (const auto done = become_user(child.identity->uid, child.identity->gid, {}); !done)
            return done.error().system_error != 0 ? done.error().system_error : EPERM;
    // This comes after the change of ids, which clears the signal.
    if (child.ends_with_us && !set_parent_signal({SIGKILL, parent})) return errno;
    ::alarm(static_cast<unsigned>((child.limit + alarm_after_limit).count()));
    ::execve(child.path.c_str(), child.argv, child.environment);
    return errno;
}

// vfork costs a fraction of fork, and because it shares memory, the child can leave its errno here.
// This is a function of its own so that the child does not share its caller's local variables.
[[gnu::noinline]] pid_t start_sharing(const Child& child, const Pipes& pipes, pid_t parent,
                                      int& error) {
    volatile int failure = 0;
    const pid_t pid = ::vfork();
    if (pid == 0) {
        failure = execute(child, pipes, parent);
        ::_exit(111);
    }
    error = pid < 0 ? errno : failure;
    return pid;
}

// A child that takes the ids of another user can be stopped by that user. After vfork this process
// would wait for the stopped child, so such a child is started by fork.
pid_t start(const Child& child, const Pipes& pipes, int& error) {
    const pid_t parent = ::getpid();
    if (!child.identity) return start_sharing(child, pipes, parent, error);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const int failure = execute(child, pipes, parent);
        [[maybe_unused]] const auto written =
            ::write(pipes.failure.write_end.get(), &failure, sizeof failure);
        ::_exit(111);
    }
    error = pid < 0 ? errno : 0;
    return pid;
}

// Gives the sink what can be read now, which may be a password. Closes at end of file.
void drain(Fd& fd, const Sink& sink, int most_reads) {
    char bytes[4096];
    for (; fd && most_reads > 0; --most_reads) {
        const auto n = retried([&] { return ::read(fd.get(), bytes, sizeof bytes); });
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            fd.reset();
            return;
        }
        const auto size = static_cast<std::size_t>(n);
        sink({bytes, size});
        wipe({bytes, size});
    }
}

// Whether the child has ended. It stays a zombie, so that nobody else gets its number as process
// group.
bool has_ended(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == pid;
}

} // namespace

void prepare_for_children() {
    struct sigaction wake {};
    wake.sa_handler = [](int) {};
    ::sigaction(SIGCHLD, &wake, nullptr);
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
}

std::optional<Clock::time_point> chain_deadline() {
    itimerval alarm{};
    if (::getitimer(ITIMER_REAL, &alarm) != 0) return std::nullopt;
    const auto left = std::chrono::seconds{alarm.it_value.tv_sec} +
                      std::chrono::microseconds{alarm.it_value.tv_usec};
    if (left.count() == 0) return std::nullopt;
    return Clock::now() + left - alarm_after_limit;
}

std::string status_text(const ChildEnd& end) {
    switch (end.how) {
    case ChildEnd::How::exited: return std::to_string(end.value);
    case ChildEnd::How::killed: return "signal" + std::to_string(end.value);
    case ChildEnd::How::overtime: return "overtime";
    case ChildEnd::How::not_started: break;
    }
    return "not-started";
}

ChildEnd run_child(const Child& child) {
    auto pipes = make_pipes(child);
    if (!pipes) return {ChildEnd::How::not_started, pipes.error().system_error, 0};
    int error = 0;
    const pid_t pid = start(child, *pipes, error);
    if (pid < 0) return {ChildEnd::How::not_started, error, 0};
    pipes->record.read_end.reset();
    pipes->output.write_end.reset();
    pipes->errors.write_end.reset();
    pipes->failure.write_end.reset();

    sigset_t waiting;
    ::sigprocmask(SIG_BLOCK, nullptr, &waiting);
    ::sigdelset(&waiting, SIGCHLD);
    auto deadline = Clock::now() + child.limit;
    int last_signal = 0;
    while (!has_ended(pid)) {
        if (Clock::now() >= deadline) {
            // It is in a system call that never ends. A user can bring this about with a file
            // system of the user's own, or with locks of the kernel.
            if (last_signal == SIGKILL) break;
            last_signal = last_signal == 0 ? SIGTERM : SIGKILL;
            ::kill(-pid, last_signal);
            if (::getpgid(pid) != pid) ::kill(pid, last_signal); // it has left its process group
            deadline = Clock::now() + child.grace;
        }
        pollfd ends[] = {{pipes->output.read_end.get(), POLLIN, 0},
                         {pipes->errors.read_end.get(), POLLIN, 0}};
        const timespec wait = time_until(deadline);
        (void)::ppoll(ends, 2, &wait, &waiting);
        drain(pipes->output.read_end, child.output, 1);
        drain(pipes->errors.read_end, child.errors, 1);
    }
    ::kill(-pid, SIGKILL);
    int status = 0;
    const bool reaped = retried([&] { return ::waitpid(pid, &status, WNOHANG); }) == pid;
    // Take what it wrote before it ended. A pipe holds 64 kB, and another process may still write
    // to it.
    drain(pipes->output.read_end, child.output, 16);
    drain(pipes->errors.read_end, child.errors, 16);

    if (child.identity &&
        ::read(pipes->failure.read_end.get(), &error, sizeof error) != sizeof error)
        error = 0;
    if (error != 0) return {ChildEnd::How::not_started, error, 0};
    if (last_signal != 0 || !reaped) return {ChildEnd::How::overtime, 0, pid};
    if (WIFEXITED(status)) return {ChildEnd::How::exited, WEXITSTATUS(status), pid};
    return {ChildEnd::How::killed, WTERMSIG(status), pid};
}

} // namespace poppass
