#include "base/network.hh"

#include "base/fd.hh"

#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>

namespace poppass {

bool wait_for(int fd, short events, Clock::time_point deadline) {
    if (Clock::now() >= deadline) {
        errno = ETIMEDOUT;
        return false;
    }
    pollfd event{fd, events, 0};
    const int ready = retried([&] {
        const timespec left = time_until(deadline);
        return ::ppoll(&event, 1, &left, nullptr);
    });
    if (ready == 0) errno = ETIMEDOUT;
    return ready > 0;
}

bool is_loopback(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address);
        return ntohl(v4->sin_addr.s_addr) >> 24u == 127;
    }
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

void hurry_resolver() {
    if (::res_init() != 0) return;
    _res.retrans = 2;
    _res.retry = 1;
}

} // namespace poppass
