// poppass HOST CHECKPROGRAM [ARG...]: the front end of the poppassd protocol. Reads its settings
// and forks: one process is the network side, the other one the monitor. poppass(8).
#include "base/command_line.hh"
#include "base/fd.hh"
#include "base/secret.hh"
#include "configuration/configuration.hh"
#include "link/peer.hh"
#include "monitor/event_log.hh"
#include "monitor/monitor.hh"
#include "network/network_side.hh"
#include "process/program.hh"
#include "protocol/reply.hh"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage = "usage: poppass HOST CHECKPROGRAM [ARG...]\n"
                                   "       poppass --check [--json] HOST CHECKPROGRAM [ARG...]\n"
                                   "       poppass --help | --version\n";

int say(int fd, std::string_view text, ExitStatus status) {
    (void)write_whole(fd, text);
    return static_cast<int>(status);
}

// Removes the variables that would make a link believe that Dovecot runs it, and names the peer as
// every link looks for it, whatever PROTO was.
void clean_environment(const std::optional<std::string>& peer) {
    for (const char* const name : {"AUTHORIZED", "CREDENTIALS_LOOKUP", "DOVECOT_VERSION",
                                   "userdb_uid", "userdb_gid", "EXTRA"})
        ::unsetenv(name);
    if (peer)
        ::setenv("TCPREMOTEIP", peer->c_str(), 1);
    else
        ::unsetenv("TCPREMOTEIP");
    ::setenv("PROTO", "TCP", 1);
}

// Logs the error and tells the client. Waits until the client closes, at most two seconds, and
// reads nothing.
int fail_to_start(const EventLog& log, const std::optional<std::string>& peer, const Error& error) {
    log.write(LogLine{}
                  .add("event", "error")
                  .add("result", "not-started")
                  .add("ip", peer.value_or("-"))
                  .add("pid", ::getpid())
                  .add("words", error.message()));
    (void)write_whole(STDOUT_FILENO, ReplyLine{Reply::server_trouble}.text());
    if (::shutdown(STDOUT_FILENO, SHUT_WR) == 0) {
#ifdef POLLRDHUP
        pollfd client{STDIN_FILENO, POLLRDHUP, 0};
#else
        pollfd client{STDIN_FILENO, 0, 0};
#endif
        (void)::poll(&client, 1, 2000);
    }
    return static_cast<int>(ExitStatus::temporary);
}

Result<void> leave_client(const EventLog& log) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return system_trouble("open", "/dev/null");
    const int last = log.uses_syslog() ? STDERR_FILENO : STDOUT_FILENO;
    for (int fd = STDIN_FILENO; fd <= last; ++fd)
        if (::dup2(null, fd) != fd) return system_trouble("leave the client's descriptors");
    ::close(null);
    return {};
}

// The handlers that fork(3) runs would write to pages that the two processes could otherwise share.
pid_t fork_plainly() {
#ifdef HAVE_FORK_WITHOUT_HANDLERS
    return ::_Fork();
#else
    return ::fork();
#endif
}

int serve(std::vector<std::string> words) {
    close_from(STDERR_FILENO + 1);
    prepare_monitor_signals();
    const EventLog log{standard_error_is_client()};
    const auto peer = find_peer(STDIN_FILENO);
    clean_environment(peer);

    if (const auto good = refuse_set_user_id(); !good) {
        (void)fail_to_start(log, peer, good.error());
        return static_cast<int>(ExitStatus::misused);
    }
    if (const auto done = make_undumpable(); !done) return fail_to_start(log, peer, done.error());
    const auto configuration = read_configuration(std::move(words));
    if (!configuration) return fail_to_start(log, peer, configuration.error());
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_to_start(log, peer, system_trouble("make a socket pair"));
    Fd monitor_end{pair[0]};
    Fd network_end{pair[1]};
    const pid_t network = fork_plainly();
    if (network < 0) return fail_to_start(log, peer, system_trouble("fork"));
    if (network == 0) {
        network_end.reset();
        run_network_side(*configuration, std::move(monitor_end));
    }
    monitor_end.reset();
    if (const auto done = leave_client(log); !done) return fail_to_start(log, peer, done.error());
    return run_monitor(*configuration, log, peer, std::move(network_end), network);
}

// poppass --check: executes poppass-check, which is beside this program. It hands the environment
// on unchanged, because poppass-check looks at the settings in it.
int run_check(char** argv) {
    std::string name = own_path();
    if (name.empty())
        return say(STDERR_FILENO,
                   "poppass: cannot find out where poppass-check is: run it itself\n",
                   ExitStatus::temporary);
    name.replace(name.rfind('/') + 1, name.npos, "poppass-check");
    ::execv(name.c_str(), argv);
    return say(STDERR_FILENO,
               "poppass: run " + name + ": " + std::strerror(errno) +
                   "; it is a part of the package poppass\n",
               ExitStatus::misused);
}

} // namespace

int main(int argc, char** argv) try {
    if (const auto done = open_standard_descriptors(); !done)
        return static_cast<int>(ExitStatus::temporary);
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first == "-h" || first == "--help") return say(STDOUT_FILENO, usage, ExitStatus::accepted);
    if (first == "-V" || first == "--version")
        return say(STDOUT_FILENO, "poppass " POPPASS_VERSION "\n", ExitStatus::accepted);
    if (first == "--check") {
        if (const auto good = refuse_set_user_id(); !good)
            return say(STDERR_FILENO, "poppass: " + good.error().message() + "\n",
                       ExitStatus::misused);
        return run_check(argv + 1);
    }
    const int host = first == "--" ? 2 : 1;
    if (argc < host + 2 || (first != "--" && *argv[host] == '-'))
        return say(STDERR_FILENO, usage.substr(0, usage.find('\n') + 1), ExitStatus::misused);
    return serve({argv + host, argv + argc});
} catch (const std::exception&) {
    return static_cast<int>(ExitStatus::temporary);
}
