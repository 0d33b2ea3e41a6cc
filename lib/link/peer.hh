// The client's address, as the super-server names it in the environment, or as its socket tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace poppass {

// `text` if it is an IPv4 or IPv6 address. Brackets around an IPv6 address (socat writes them) are
// removed, and an IPv4 address mapped into IPv6 becomes IPv4.
std::optional<std::string> parse_address(std::string_view text);

// Whether the address, as parse_address gives it, is 127.0.0.0/8 or ::1.
bool is_loopback_address(std::string_view address);

// The client's address: the first address in ${PROTO}REMOTEIP (PROTO is TCP if unset), TCPREMOTEIP
// if PROTO is TCP6, REMOTE_HOST, REMOTE_ADDR and SOCAT_PEERADDR. If none has an address: the peer
// of the socket `fd`.
std::optional<std::string> find_peer(int fd);

// Our own address on the socket `fd`.
std::optional<std::string> local_address(int fd);

} // namespace poppass
