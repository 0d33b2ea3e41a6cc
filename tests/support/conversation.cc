#include "support/conversation.hh"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace poppass::test {

namespace {

using Clock = std::chrono::steady_clock;

int left_until(Clock::time_point then) {
    const auto left = std::chrono::ceil<milliseconds>(then - Clock::now()).count();
    return static_cast<int>(std::max<decltype(left)>(left, 0));
}

pid_t only_child(pid_t parent) {
    const auto path =
        "/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children";
    return static_cast<pid_t>(std::atol(read_file(path).c_str()));
}

void set_blocking(int fd, bool blocking) {
    const int flags = ::fcntl(fd, F_GETFL);
    ::fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

} // namespace

Words fixture(Words deeds) {
    deeds.insert(deeds.begin(), built("link-fixture"));
    return deeds;
}

std::string quoted(const Words& words) {
    std::string text;
    for (const auto& word : words) {
        text += text.empty() ? "'" : " '";
        for (const char c : word) text += c == '\'' ? "'\\''" : std::string{c};
        text += "'";
    }
    return text;
}

std::string process_status(pid_t pid, std::string_view name) {
    const auto text = "\n" + read_file("/proc/" + std::to_string(pid) + "/status");
    const auto key = "\n" + std::string{name} + ":";
    const auto at = text.find(key);
    if (at == text.npos) return {};
    const auto begin = text.find_first_not_of(" \t", at + key.size());
    return text.substr(begin, text.find_first_of(" \n", begin) - begin);
}

Conversation::Line Conversation::make_line(bool pipes) {
    Line line;
    if (pipes) {
        auto to = make_pipe();
        auto from = make_pipe();
        if (!to || !from) throw std::runtime_error{"no pipes"};
        line.ours_out = std::move(to->write_end);
        line.theirs_in = std::move(to->read_end);
        line.ours_in = std::move(from->read_end);
        line.theirs_out = std::move(from->write_end);
    } else {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::runtime_error{"no socket pair"};
        line.ours_in.reset(ends[0]);
        line.ours_out.reset(::fcntl(ends[0], F_DUPFD_CLOEXEC, 0));
        line.theirs_in.reset(ends[1]);
        line.theirs_out.reset(::fcntl(ends[1], F_DUPFD_CLOEXEC, 0));
    }
    // Only our ends are changed. poppass gets its ends as they are.
    set_blocking(line.ours_in.get(), false);
    set_blocking(line.ours_out.get(), false);
    return line;
}

Program Conversation::program(const Service& service, const Line& line) {
    Program program{.argv = {service.front_end, service.host}};
    program.argv.insert(program.argv.end(), service.check.begin(), service.check.end());
    for (const char* const name :
         {"PROTO", "TCPREMOTEIP", "REMOTE_HOST", "REMOTE_ADDR", "SOCAT_PEERADDR", "UID", "GID",
          "POPPASS_TRIES", "POPPASS_TIMEOUT", "POPPASS_SESSION", "POPPASS_RUN", "POPPASS_STRIP",
          "POPPASS_AFTER"})
        program.environment[name] = std::nullopt;
    program.environment["POPPASS_DELAY"] = "0";
    program.environment["PASSWORD_COMMAND"] = service.change;
    for (const auto& [name, value] : service.environment) program.environment[name] = value;
    program.descriptors = {{0, line.theirs_in.get()}, {1, line.theirs_out.get()}};
    if (service.log_here) program.descriptors[2] = line.theirs_out.get();
    program.closed = service.closed;
    for (const int fd : service.closed) program.descriptors.erase(fd);
    program.as = service.as;
    program.before_exec = service.before_exec;
    program.timeout = service.timeout;
    return program;
}

Conversation::Conversation(const Service& service, bool greeted)
    : line_{make_line(service.pipes)}, process_{program(service, line_)} {
    line_.theirs_in.reset();
    line_.theirs_out.reset();
    if (!greeted) return;
    const auto first = reply();
    if (first != "200 " + service.host + " hello, who are you?")
        throw std::runtime_error{"no greeting: " + first.value_or("(closed)") + "\n" + log()};
    network_ = only_child(process_.pid());
}

Conversation::~Conversation() = default;

bool Conversation::receive(milliseconds limit) {
    if (ended_) return false;
    const auto deadline = Clock::now() + limit;
    for (;;) {
        char block[65536];
        const auto n = ::read(line_.ours_in.get(), block, sizeof block);
        if (n > 0) {
            received_.append(block, static_cast<std::size_t>(n));
            return true;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            ended_ = true;
            return false;
        }
        const int left = left_until(deadline);
        if (left == 0) return false;
        pollfd in{line_.ours_in.get(), POLLIN, 0};
        ::poll(&in, 1, left);
    }
}

void Conversation::send(std::string_view bytes) {
    const auto deadline = Clock::now() + milliseconds{20'000};
    while (!bytes.empty()) {
        const auto n = ::write(line_.ours_out.get(), bytes.data(), bytes.size());
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) return;
        if (Clock::now() >= deadline) throw std::runtime_error{"poppass reads nothing"};
        pollfd ends[] = {{line_.ours_out.get(), POLLOUT, 0}, {line_.ours_in.get(), POLLIN, 0}};
        ::poll(ends, 2, 1'000);
        if (ends[1].revents != 0 && !receive(milliseconds{0}) && ended_) return;
    }
}

std::size_t Conversation::send_without_reading(std::string_view bytes, milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    std::size_t sent = 0;
    while (sent < bytes.size() && left_until(deadline) > 0) {
        const auto n = ::write(line_.ours_out.get(), bytes.data() + sent, bytes.size() - sent);
        if (n > 0) {
            sent += static_cast<std::size_t>(n);
        } else {
            if (errno != EAGAIN) break;
            pollfd out{line_.ours_out.get(), POLLOUT, 0};
            ::poll(&out, 1, left_until(deadline));
        }
    }
    return sent;
}

std::optional<std::string> Conversation::reply(milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        if (const auto end = received_.find('\n'); end != received_.npos) {
            const auto line = received_.substr(0, end + 1);
            received_.erase(0, end + 1);
            if (line.size() < 6 || line.size() >= 512 || !line.ends_with("\r\n") ||
                line.find('\r') != line.size() - 2 ||
                (!line.starts_with("200 ") && !line.starts_with("500 ")))
                throw std::runtime_error{"no proper reply: " + line};
            return line.substr(0, line.size() - 2);
        }
        if (ended_ && !received_.empty()) throw std::runtime_error{"half a reply: " + received_};
        if (ended_) return std::nullopt;
        if (!receive(milliseconds{left_until(deadline)}) && !ended_)
            throw std::runtime_error{"no reply in time\n" + log()};
    }
}

std::string Conversation::ask(std::string_view line) {
    send(std::string{line} + "\r\n");
    return reply().value_or("(closed)");
}

Words Conversation::rest() {
    Words replies;
    while (auto next = reply()) replies.push_back(std::move(*next));
    return replies;
}

bool Conversation::silent(milliseconds time) {
    const auto deadline = Clock::now() + time;
    while (received_.empty() && !ended_ && left_until(deadline) > 0)
        (void)receive(milliseconds{left_until(deadline)});
    return received_.empty() && !ended_;
}

void Conversation::half_close() {
    ::shutdown(line_.ours_out.get(), SHUT_WR);
    line_.ours_out.reset();
}

void Conversation::close() {
    line_.ours_out.reset();
    line_.ours_in.reset();
    ended_ = true;
}

bool Conversation::log_has(std::string_view text) { return process_.run_until_err(text); }

Outcome Conversation::end() {
    close();
    return process_.wait();
}

} // namespace poppass::test
