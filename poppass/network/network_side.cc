#include "network/network_side.hh"

#include "base/clock.hh"
#include "network/sandbox.hh"
#include "protocol/line_reader.hh"
#include "protocol/monitor_message.hh"
#include "protocol/reply.hh"
#include "protocol/session.hh"

#include <algorithm>
#include <array>
#include <csignal>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr int client_in = STDIN_FILENO;
constexpr int client_out = STDOUT_FILENO;
constexpr int monitor_fd = 3;

[[noreturn]] void end(NetworkEnd how) { ::_exit(static_cast<int>(how)); }

int milliseconds_until(Clock::time_point then) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - Clock::now()).count();
    return static_cast<int>(std::max<decltype(left)>(left, 0));
}

// What the network side does after its privileges are gone. Nothing here allocates or frees memory.
class NetworkSide {
public:
    explicit NetworkSide(const Configuration& configuration)
        : greeting_(Reply::greeting, configuration.host),
          line_timeout_(configuration.line_timeout) {}

    [[noreturn]] void serve() {
        send(greeting_);
        for (;;) {
            const LineReader::Line line = wait_for_line();
            carry_out(session_.command(parse_command(line.text, line.cut)));
        }
    }

    [[noreturn]] void fail_to_start(std::string_view what) {
        send_request(StartFailure{what});
        close(NetworkEnd::not_started, Reply::server_trouble);
    }

private:
    // Sends the last reply and waits until the client closes, because a reset could destroy the
    // reply. Reads at most 64 kB, and waits at most two seconds. If this function were inlined, its
    // buffer would enlarge the stack of every session that waits.
    [[noreturn, gnu::noinline]] void close(NetworkEnd how, Reply reply,
                                           std::string_view reason = {}) {
        reader_.wipe();
        send(ReplyLine{reply, reason});
        if (end_writing(client_out)) linger();
        end(how);
    }

    void carry_out(const Step& step) {
        std::visit([this](const auto& deed) { perform(deed); }, step);
    }

    void perform(const Say& say) {
        reader_.drop_line();
        if (say.forget) send_request(ForgetRequest{});
        send(ReplyLine{say.reply, say.reason});
        wipe(answer_); // the reason was in it
    }

    [[noreturn]] void perform(const SayAndClose& last) {
        close(last.reply == Reply::bye ? NetworkEnd::quit : NetworkEnd::told, last.reply,
              last.reason);
    }

    void perform(const CheckRequest& check) { carry_out(session_.check_answered(ask(check))); }

    void perform(const ChangeRequest& change) { carry_out(session_.change_answered(ask(change))); }

    LineReader::Line wait_for_line() {
        const auto deadline = Clock::now() + line_timeout_;
        for (;;) {
            if (const auto line = reader_.line()) return *line;
            pollfd ends[] = {{client_in, POLLIN, 0}, {monitor_fd, POLLIN, 0}};
            const int ready = ::poll(ends, 2, milliseconds_until(deadline));
            if (ready < 0 && errno != EINTR) close(NetworkEnd::no_monitor, Reply::server_trouble);
            if (ready == 0 && Clock::now() >= deadline)
                close(NetworkEnd::line_timeout, Reply::line_timeout);
            if (ready <= 0) continue;
            if (ends[1].revents != 0) (void)receive(); // nothing was asked, so it is closing
            if (ends[0].revents != 0) read_client();
        }
    }

    void read_client() {
        const std::span<char> room = reader_.room();
        const auto n = retried([&] { return ::read(client_in, room.data(), room.size()); });
        // An incomplete line before the end of file is not a command.
        if (n <= 0) end(NetworkEnd::vanished);
        reader_.took(static_cast<std::size_t>(n));
    }

    Verdict ask(const Request& request) {
        send_request(request);
        reader_.drop_line();
        return receive();
    }

    void send_request(const Request& request) {
        if (make_request(request_, request)) {
            const auto n = retried(
                [&] { return ::write(monitor_fd, request_.view().data(), request_.size()); });
            const bool sent = n == static_cast<ssize_t>(request_.size());
            request_.wipe();
            if (sent) return;
        }
        close(NetworkEnd::no_monitor, Reply::server_trouble);
    }

    // Reads the monitor's next message. Returns only if that is a verdict.
    Verdict receive() {
        const auto n = retried([&] { return ::read(monitor_fd, answer_.data(), answer_.size()); });
        if (n > 0) {
            const auto answer = parse_answer({answer_.data(), static_cast<std::size_t>(n)});
            if (answer && std::holds_alternative<Verdict>(*answer))
                return std::get<Verdict>(*answer);
            if (answer)
                close(NetworkEnd::told, std::get<Closing>(*answer) == Closing::time_is_up
                                            ? Reply::session_timeout
                                            : Reply::shutting_down);
        }
        close(NetworkEnd::no_monitor, Reply::server_trouble);
    }

    // Writes the whole reply or ends the session. It polls before each write, so that a client that
    // never reads is held to the same limit as one that never writes. The descriptor does not
    // become non-blocking, because other processes may share it.
    void send(const ReplyLine& reply) {
        const auto deadline = Clock::now() + line_timeout_;
        std::string_view left = reply.text();
        while (!left.empty()) {
            pollfd out{client_out, POLLOUT, 0};
            const int ready =
                retried([&] { return ::poll(&out, 1, milliseconds_until(deadline)); });
            if (ready == 0) end(NetworkEnd::line_timeout);
            const auto n = retried([&] { return ::write(client_out, left.data(), left.size()); });
            if (n <= 0) end(NetworkEnd::vanished);
            left.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    void linger() {
        const auto deadline = Clock::now() + std::chrono::seconds{2};
        char bytes[512];
        std::size_t left = 64 * 1024;
        while (left > 0) {
            pollfd in{client_in, POLLIN, 0};
            if (retried([&] { return ::poll(&in, 1, milliseconds_until(deadline)); }) <= 0) return;
            const auto n = retried([&] { return ::read(client_in, bytes, sizeof bytes); });
            if (n <= 0) return;
            left -= std::min(left, static_cast<std::size_t>(n));
        }
    }

    const ReplyLine greeting_;
    const std::chrono::seconds line_timeout_;
    LineReader reader_;
    Secret request_{longest_request};
    std::array<char, Answer::longest + 1> answer_; // one byte more, to notice what is too long
    Session session_;
};

// Signals are for the monitor, which tells the network side what to do.
void ignore_signals() {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
}

void keep_only_our_descriptors(Fd monitor) {
    if (monitor.get() != monitor_fd && ::dup2(monitor.get(), monitor_fd) == monitor_fd)
        monitor.reset();
    monitor.release();
    ::close(STDERR_FILENO);
    close_from(monitor_fd + 1);
}

} // namespace

void run_network_side(const Configuration& configuration, Fd monitor) {
    ignore_signals();
    keep_only_our_descriptors(std::move(monitor));
    NetworkSide network_side{
        configuration}; // it is never destroyed, because that would free memory
    if (const auto done = drop_privileges(configuration.identity); !done)
        network_side.fail_to_start(done.error().message());
    network_side.serve();
}

} // namespace poppass
