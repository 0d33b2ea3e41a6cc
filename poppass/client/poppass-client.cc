// poppass-client [-u USER] [--stdin]: changes one's own password through a poppassd server. A UCSPI
// client: tcpclient or its like has made the connection, on descriptors 6 and 7. poppass-client(1).
#include "base/clock.hh"
#include "base/command_line.hh"
#include "base/fd.hh"
#include "base/log.hh"
#include "base/settings.hh"
#include "base/terminal.hh"
#include "client/client_session.hh"
#include "link/peer.hh"

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view name = "poppass-client";
constexpr std::string_view usage =
    "tcpclient HOST 106 poppass-client [-u USER] [--stdin] [--insecure] [-t SECONDS]";
constexpr int from_server = 6;
constexpr int to_server = 7;

enum { stdin_option = 256, insecure_option };
constexpr option long_options[] = {
    {"stdin", no_argument, nullptr, stdin_option},
    {"insecure", no_argument, nullptr, insecure_option},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {},
};

struct Options {
    std::string user;
    bool from_stdin = false;
    bool insecure = false;
    std::chrono::seconds limit{120}; // for every wait for the server
};

// The server. Each command gets one answer. The destructor says quit.
class Server {
public:
    explicit Server(std::chrono::seconds limit) : limit_(limit) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        limit_ = std::min(limit_, std::chrono::seconds{5});
        if (usable_ && command_.assign({"quit\r\n"}) && send()) (void)hear(Asked::quit);
    }

    // The text of the answer lives until the next one is heard.
    Result<ServerReply> ask(Asked asked, std::string_view verb, std::string_view what,
                            std::string_view argument) {
        sent_ = false;
        if (auto made = make_command(command_, verb, what, argument); !made) return made.error();
        if (has_more_to_say()) return out_of_turn();
        sent_ = true;
        if (auto sent = send(); !sent) return sent.error();
        return hear(asked);
    }

    // Whether any byte of the last command was sent.
    bool sent() const { return sent_; }

    Result<ServerReply> hear(Asked asked) {
        const auto line = read_line();
        usable_ = static_cast<bool>(line);
        if (!line) return line.error();
        return judge_reply(asked, *line);
    }

    // Whether the server has sent something or closed, though nothing was asked.
    bool has_more_to_say() const {
        pollfd input{from_server, POLLIN, 0};
        return size_ > used_ || ::poll(&input, 1, 0) > 0;
    }

private:
    Result<ServerReply> out_of_turn() {
        const auto line = read_line();
        usable_ = false;
        if (!line) return line.error();
        return ServerReply{Meaning::trouble, judge_reply(Asked::greeting, *line).text};
    }

    Result<void> send() {
        const auto deadline = Clock::now() + limit_;
        Result<void> result;
        for (std::string_view left = command_.view(); !left.empty();) {
            if (result = wait_for(to_server, POLLOUT, deadline); !result) break;
            const auto n = retried([&] { return ::write(to_server, left.data(), left.size()); });
            if (n < 0) {
                result = system_trouble("write to the server");
                break;
            }
            left.remove_prefix(static_cast<std::size_t>(n));
        }
        command_.wipe();
        usable_ = static_cast<bool>(result);
        return result;
    }

    Result<std::string_view> read_line() {
        size_ -= used_;
        std::memmove(bytes_.data(), bytes_.data() + used_, size_);
        used_ = 0;
        const auto deadline = Clock::now() + limit_;
        for (;;) {
            const std::string_view bytes{bytes_.data(), size_};
            if (const auto end = bytes.find('\n'); end != bytes.npos) {
                used_ = end + 1;
                return bytes.substr(0, end);
            }
            if (size_ == bytes_.size()) return trouble("the server's line is too long");
            if (auto ready = wait_for(from_server, POLLIN, deadline); !ready) return ready.error();
            const auto n = retried(
                [&] { return ::read(from_server, bytes_.data() + size_, bytes_.size() - size_); });
            if (n < 0) return system_trouble("read from the server");
            if (n == 0) return trouble("the server closed the connection");
            size_ += static_cast<std::size_t>(n);
        }
    }

    static Result<void> wait_for(int fd, short events, Clock::time_point deadline) {
        pollfd end{fd, events, 0};
        for (;;) {
            const timespec wait = time_until(deadline);
            const int ready = ::ppoll(&end, 1, &wait, nullptr);
            if (ready > 0) return {};
            if (ready < 0 && errno != EINTR) return system_trouble("wait for the server");
            if (Clock::now() >= deadline) return trouble("the server does not answer in time");
        }
    }

    std::chrono::seconds limit_;
    bool usable_ = false;
    bool sent_ = false;
    Secret command_{longest_argument + 16};
    std::array<char, 1024> bytes_;
    std::size_t size_ = 0;
    std::size_t used_ = 0; // of these, the bytes of the line that was returned last
};

// Shows what the server said. Control bytes are made visible.
ExitStatus report(const ServerReply& reply) {
    const auto say = [&](std::string_view before) {
        complain(name, std::string{before} + std::string{reply.text});
    };
    switch (reply.meaning) {
    case Meaning::good: return ExitStatus::accepted;
    case Meaning::refused: say("refused: "); return ExitStatus::rejected;
    case Meaning::trouble: say("the server says: "); return ExitStatus::temporary;
    case Meaning::nonsense: break;
    }
    say("this is no poppassd server; it says: ");
    return ExitStatus::temporary;
}

class Client {
public:
    Client(const Options& options, std::optional<Terminal> terminal)
        : options_(options), terminal_(std::move(terminal)), server_(options.limit) {}

    Result<ExitStatus> run() {
        const auto greeting = server_.hear(Asked::greeting);
        if (!greeting) return greeting.error();
        if (greeting->meaning != Meaning::good) return report(*greeting);
        if (auto safe = check_connection(); !safe) return safe.error();
        if (auto said = log_in(); !said || *said != ExitStatus::accepted) return said;
        return change();
    }

private:
    // Passwords cross a network in clear only where the user says yes.
    Result<void> check_connection() {
        const Connection connection{environment("PROTO").value_or(""),
                                    environment("SSL_PROTOCOL").has_value(),
                                    find_peer(from_server)};
        if (options_.insecure || !is_readable_by_others(connection)) return {};
        const std::string warning = "the passwords would cross the network in clear, to " +
                                    connection.peer.value_or("an address that is not known");
        if (!terminal_) return misuse(warning + "; use TLS, or --insecure");
        if (auto told = terminal_->tell("Without TLS " + warning + ".\n"); !told) return told;
        const auto answer = terminal_->ask_aloud("Send them all the same? [y/N] ");
        if (!answer) return answer.error();
        if (*answer == "y" || *answer == "Y" || *answer == "yes") return {};
        return misuse("nothing was sent");
    }

    Result<ExitStatus> log_in() {
        std::string user = options_.user;
        if (user.empty()) {
            auto asked = terminal_->ask_aloud("Login: ");
            if (!asked) return asked.error();
            user = std::move(*asked);
        }
        const auto known = server_.ask(Asked::user, "user", "the login", user);
        if (!known) return known.error();
        if (known->meaning != Meaning::good) return report(*known);

        Secret password{longest_argument + 2};
        if (auto read = read_password("Old password: ", password); !read) return read.error();
        const auto checked = server_.ask(Asked::pass, "pass", "the old password", password.view());
        if (!checked) return checked.error();
        return report(*checked);
    }

    // Offers new passwords until one is accepted. Only a person at a terminal may try again.
    Result<ExitStatus> change() {
        Secret password{longest_argument + 2};
        for (;;) {
            if (auto read = read_new_password(password); !read) return read.error();
            if (terminal_ && password.size() == 0) return finish(ExitStatus::rejected);
            const auto status = offer(password.view());
            password.wipe();
            if (!terminal_) return status;
            if (status && *status != ExitStatus::rejected) return finish(*status);
            if (!status && status.error().status != ExitStatus::misused) return status;
            if (!status) complain(name, status.error().message());
            // Servers other than poppass take no second one.
            if (server_.has_more_to_say()) return ExitStatus::rejected;
            if (auto told = terminal_->tell("Try another one, or an empty line to leave.\n"); !told)
                return told.error();
        }
    }

    // Sends one new password to the server. Misuse means that it cannot be sent.
    Result<ExitStatus> offer(std::string_view password) {
        const auto reply = server_.ask(Asked::newpass, "newpass", "the new password", password);
        if (reply) return report(*reply);
        if (!server_.sent()) return reply.error();
        return trouble(reply.error().message() + "; it is not known whether the password was "
                                                 "changed: try the new one, then the old one");
    }

    Result<ExitStatus> finish(ExitStatus status) const {
        std::string_view text;
        if (status == ExitStatus::accepted) text = "Password changed.\n";
        if (status == ExitStatus::rejected) text = "Nothing was changed.\n";
        if (auto told = terminal_->tell(text); !told) return told.error();
        return status;
    }

    Result<void> read_new_password(Secret& into) {
        if (!terminal_) return read_password({}, into);
        Secret again{into.capacity()};
        for (;;) {
            if (auto read = read_password("New password: ", into); !read) return read;
            if (into.size() == 0) return {};
            if (auto read = read_password("New password again: ", again); !read) return read;
            if (into.view() == again.view()) return {};
            if (auto told = terminal_->tell("They differ.\n"); !told) return told;
        }
    }

    Result<void> read_password(std::string_view prompt, Secret& into) {
        auto read = terminal_ ? terminal_->ask(prompt, into) : read_line(STDIN_FILENO, into);
        // This is not the server's trouble.
        if (!read) read.error().status = ExitStatus::misused;
        return read;
    }

    const Options& options_;
    std::optional<Terminal> terminal_; // without one, passwords are lines of standard input
    Server server_;
};

Result<ExitStatus> client(int argc, char** argv) {
    Options options;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, "+:u:t:hV", long_options, nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version(name);
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (c == 'u') options.user = optarg;
        if (c == stdin_option) options.from_stdin = true;
        if (c == insecure_option) options.insecure = true;
        if (c == 't') {
            const auto seconds = parse_number("-t", optarg, 1, 86400);
            if (!seconds) return seconds.error();
            options.limit = std::chrono::seconds{*seconds};
        }
    }
    if (optind != argc) return misuse("too many words; usage: " + std::string{usage});
    if (options.from_stdin && options.user.empty()) return misuse("--stdin needs -u USER");
    for (const int fd : {from_server, to_server})
        if (::fcntl(fd, F_GETFD) == -1)
            return misuse("no connection on descriptors 6 and 7; usage: " + std::string{usage});
    ::signal(SIGPIPE, SIG_IGN);

    std::optional<Terminal> terminal;
    if (!options.from_stdin) {
        auto opened = Terminal::open();
        if (!opened) return misuse(opened.error().message() + "; --stdin needs no terminal");
        terminal = std::move(*opened);
    }
    return Client{options, std::move(terminal)}.run();
}

} // namespace

int main(int argc, char** argv) {
    return run_program(name, [&] { return client(argc, argv); });
}
