#include "link/peer.hh"

#include "base/settings.hh"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace poppass {

namespace {

std::optional<std::string> address_text(int family, const void* address) {
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(family, address, text, sizeof text) == nullptr) return std::nullopt;
    return text;
}

std::optional<std::string> address_text(const in6_addr& address) {
    if (IN6_IS_ADDR_V4MAPPED(&address)) return address_text(AF_INET, address.s6_addr + 12);
    return address_text(AF_INET6, &address);
}

// The address of one end of the socket `fd`: `get` is getpeername or getsockname.
std::optional<std::string> socket_address(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (get(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
    if (storage.ss_family == AF_INET)
        return address_text(AF_INET, &reinterpret_cast<sockaddr_in*>(&storage)->sin_addr);
    if (storage.ss_family == AF_INET6)
        return address_text(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr);
    return std::nullopt;
}

} // namespace

std::optional<std::string> parse_address(std::string_view text) {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
        text = text.substr(1, text.size() - 2);
    const std::string terminated{text};
    if (terminated.find('\0') != terminated.npos) return std::nullopt;
    in_addr v4{};
    if (::inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return address_text(AF_INET, &v4);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, terminated.c_str(), &v6) == 1) return address_text(v6);
    return std::nullopt;
}

bool is_loopback_address(std::string_view address) {
    return address.starts_with("127.") || address == "::1";
}

std::optional<std::string> find_peer(int fd) {
    const std::string proto{environment("PROTO").value_or("TCP")};
    const std::string remote_ip = proto + "REMOTEIP";
    // Some servers call the connection TCP6 and the variables TCP.
    const char* const also = proto == "TCP6" ? "TCPREMOTEIP" : remote_ip.c_str();
    for (const char* const name :
         {remote_ip.c_str(), also, "REMOTE_HOST", "REMOTE_ADDR", "SOCAT_PEERADDR"})
        if (const auto value = environment(name))
            if (auto address = parse_address(*value)) return address;
    return socket_address(fd, ::getpeername);
}

std::optional<std::string> local_address(int fd) { return socket_address(fd, ::getsockname); }

} // namespace poppass
