// poppass with a network side that an attacker has taken over. It is linked with poppass's main and
// monitor, and replaces the real network side. It drops its privileges like that one, greets, and
// then does what its client says, one deed a line:
//
//   send HEX      sends the bytes to the monitor
//   flood HEX     sends them again and again, and nothing else any more
//   take          waits for one answer and gives it to the client: 200 and its bytes in hex
//   leave         shuts the pair down and waits for its end
//   hang          does nothing any more
//   exit STATUS
//   call NUMBER [ARGUMENT...]  makes this system call, and gives its result to the client
#include "network/network_side.hh"
#include "network/sandbox.hh"
#include "protocol/monitor_message.hh"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr int monitor_fd = 3;

// Once the filter is active, no memory can be allocated.
std::array<char, 1 << 18> input;
std::size_t input_size = 0;
std::array<char, 1 << 17> message;

std::string_view read_line() {
    static std::size_t done = 0;
    std::copy(input.begin() + static_cast<std::ptrdiff_t>(done),
              input.begin() + static_cast<std::ptrdiff_t>(input_size), input.begin());
    input_size -= done;
    for (std::size_t looked = 0;;) {
        const std::string_view bytes{input.data(), input_size};
        if (const auto end = bytes.find('\n', looked); end != bytes.npos) {
            done = end + 1;
            return bytes.substr(0, end > 0 && bytes[end - 1] == '\r' ? end - 1 : end);
        }
        looked = input_size;
        const auto n = ::read(STDIN_FILENO, input.data() + input_size, input.size() - input_size);
        if (n <= 0) ::_exit(static_cast<int>(NetworkEnd::vanished));
        input_size += static_cast<std::size_t>(n);
    }
}

std::string_view from_hex(std::string_view hex) {
    const auto digit = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        message[i / 2] = static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
    return {message.data(), hex.size() / 2};
}

void send_to_monitor(std::string_view bytes) {
    (void)retried([&] { return ::write(monitor_fd, bytes.data(), bytes.size()); });
}

void take_answer() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, Answer::longest + 1> answer;
    const auto n = ::read(monitor_fd, answer.data(), answer.size());
    std::array<char, 512> line{'2', '0', '0', ' '};
    std::size_t size = 4;
    for (ssize_t i = 0; i < n; ++i) {
        const auto byte = static_cast<unsigned char>(answer[static_cast<std::size_t>(i)]);
        line[size++] = digits[byte >> 4];
        line[size++] = digits[byte & 15];
    }
    line[size++] = '\r';
    line[size++] = '\n';
    (void)write_whole(STDOUT_FILENO, {line.data(), size});
}

// `numbers` is followed by a line end.
void call(const char* numbers) {
    std::array<long, 7> values{};
    for (long& value : values) {
        char* end = nullptr;
        value = std::strtol(numbers, &end, 10);
        numbers = end;
        if (*numbers == '\n' || *numbers == '\r') break;
    }
    const auto& [number, a, b, c, d, e, f] = values;
    const bool done = ::syscall(number, a, b, c, d, e, f) != -1;
    (void)write_whole(STDOUT_FILENO, done ? "200 done\r\n" : "200 failed\r\n");
}

[[noreturn]] void hang() {
    for (;;) ::poll(nullptr, 0, -1);
}

[[noreturn]] void obey() {
    for (;;) {
        const std::string_view line = read_line();
        const std::string_view deed = line.substr(0, line.find(' '));
        const std::string_view what = line.substr(std::min(line.size(), deed.size() + 1));
        if (deed == "send") {
            send_to_monitor(from_hex(what));
        } else if (deed == "flood") {
            for (const auto bytes = from_hex(what);;) send_to_monitor(bytes);
        } else if (deed == "take") {
            take_answer();
        } else if (deed == "leave") {
            ::shutdown(monitor_fd, SHUT_RDWR);
            hang();
        } else if (deed == "exit") {
            ::_exit(std::atoi(what.data()));
        } else if (deed == "call") {
            call(what.data());
        } else {
            hang();
        }
    }
}

} // namespace

void run_network_side(const Configuration& configuration, Fd monitor) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
    if (monitor.get() != monitor_fd) ::dup2(monitor.get(), monitor_fd);
    monitor.release();
    ::close(STDERR_FILENO);
    close_from(monitor_fd + 1);
    if (!drop_privileges(configuration.identity))
        ::_exit(static_cast<int>(NetworkEnd::not_started));
    (void)write_whole(STDOUT_FILENO, "200 test.example hello, who are you?\r\n");
    obey();
}

} // namespace poppass
