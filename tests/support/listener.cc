#include "support/listener.hh"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace poppass::test {

using Clock = std::chrono::steady_clock;

Listener::Listener() : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd(), any, size) != 0 || ::getsockname(fd(), any, &size) != 0 ||
        ::listen(fd(), 16) != 0)
        throw std::runtime_error{"no free port"};
    port_ = ntohs(address.sin_port);
}

std::string Listener::talk_once(std::string_view answer, milliseconds limit) const {
    const auto deadline = Clock::now() + limit;
    const auto ready = [&](int fd) {
        pollfd event{fd, POLLIN, 0};
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
        return ::poll(&event, 1, static_cast<int>(std::max<long>(left, 0))) == 1;
    };
    std::string heard;
    if (!ready(fd())) return heard;
    const Fd line{::accept(fd(), nullptr, nullptr)};
    char block[4096];
    while (ready(line.get())) {
        const auto n = ::read(line.get(), block, sizeof block);
        if (n <= 0) break;
        if (heard.empty()) (void)write_whole(line.get(), answer);
        heard.append(block, static_cast<std::size_t>(n));
    }
    return heard;
}

std::optional<std::size_t> first_ready(std::initializer_list<int> fds, int limit_ms) {
    std::vector<pollfd> events;
    for (const int fd : fds) events.push_back({fd, POLLIN, 0});
    if (::poll(events.data(), events.size(), limit_ms) < 1) return std::nullopt;
    for (std::size_t i = 0; i < events.size(); ++i)
        if (events[i].revents != 0) return i;
    return std::nullopt;
}

Fd connect_port(int port) {
    Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(port));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
    return fd;
}

} // namespace poppass::test
