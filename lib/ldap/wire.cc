#include "ldap/wire.hh"

#include "base/network.hh"

#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <openldap.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace poppass {

namespace {

Result<Fd> connect_address(const sockaddr* address, socklen_t size, Clock::time_point deadline) {
    Fd fd{::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return system_trouble("make a socket");
    if (::connect(fd.get(), address, size) == 0) return fd;
    if (errno != EINPROGRESS) return system_trouble("connect");
    if (!wait_for(fd.get(), POLLOUT, deadline)) return system_trouble("connect");
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        return system_trouble("connect");
    if (error != 0) return Error{ExitStatus::temporary, "connect", error};
    return fd;
}

Result<Fd> connect_path(const std::string& path, Clock::time_point deadline) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return trouble("the socket's path is too long");
    path.copy(address.sun_path, path.size());
    return connect_address(reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline);
}

Result<Fd> connect_to_server(const LdapUri& server, bool clear, Clock::time_point deadline) {
    if (server.scheme == LdapUri::Scheme::ldapi) return connect_path(server.path, deadline);

    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failed = ::getaddrinfo(server.host.c_str(), server.port.c_str(), &hints, &list);
    if (failed == EAI_SYSTEM) return system_trouble("find the address");
    if (failed != 0) return trouble("find the address: " + std::string{::gai_strerror(failed)});
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, ::freeaddrinfo};

    int left = 0;
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) ++left;
    Error last{ExitStatus::temporary, "connect", ETIMEDOUT};
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next, --left) {
        const auto now = Clock::now();
        if (now >= deadline) return last;
        if (clear && !is_loopback(entry->ai_addr)) {
            last =
                trouble("not a loopback address, and passwords would go over the net in the clear");
            continue;
        }
        auto fd = connect_address(entry->ai_addr, entry->ai_addrlen, now + (deadline - now) / left);
        if (fd) return fd;
        last = fd.error();
    }
    return last;
}

// The functions that liblber calls; `sbiod_pvt` is the wire.

LdapWire& wire(Sockbuf_IO_Desc* io) { return *static_cast<LdapWire*>(io->sbiod_pvt); }

extern "C" {

int set_up(Sockbuf_IO_Desc* io, void* our_wire) {
    io->sbiod_pvt = our_wire;
    return 0;
}
int do_nothing(Sockbuf_IO_Desc*) { return 0; } // LdapWire closes the socket itself
int control(Sockbuf_IO_Desc*, int, void*) { return 0; }
ber_slen_t read_wire(Sockbuf_IO_Desc* io, void* into, ber_len_t size) {
    return wire(io).read(into, size);
}
ber_slen_t write_wire(Sockbuf_IO_Desc* io, void* bytes, ber_len_t size) {
    return wire(io).write(bytes, size);
}

} // extern "C"

Sockbuf_IO handlers{set_up, do_nothing, control, read_wire, write_wire, do_nothing};

} // namespace

Result<LdapWire> LdapWire::connect(const LdapUri& server, bool clear, Clock::time_point deadline) {
    auto fd = connect_to_server(server, clear, deadline);
    if (!fd) return fd.error();
    return LdapWire{std::move(*fd), deadline};
}

LDAP* LdapWire::make_handle(const LdapUri& server) {
    LDAP* ld = nullptr;
    Sockbuf* buffer = nullptr;
    ber_len_t longest = 65536; // of an answer: our requests have short ones
    if (::ldap_init_fd(fd_.get(), LDAP_PROTO_EXT, server.text().c_str(), &ld) != LDAP_SUCCESS)
        return nullptr;
    if (::ldap_get_option(ld, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS &&
        ::ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &longest) == 1 &&
        ::ber_sockbuf_add_io(buffer, &handlers, LBER_SBIOD_LEVEL_PROVIDER, this) == 0)
        return ld;
    ::ldap_unbind_ext(ld, nullptr, nullptr);
    return nullptr;
}

ssize_t LdapWire::read(void* into, std::size_t size) {
    if (is_flooded()) {
        errno = EMSGSIZE;
        return -1;
    }
    if (!wait_for(fd_.get(), POLLIN, deadline_)) return -1;
    const auto count = retried([&] { return ::recv(fd_.get(), into, size, MSG_DONTWAIT); });
    if (count > 0) received_ += static_cast<std::size_t>(count);
    return count;
}

ssize_t LdapWire::write(const void* bytes, std::size_t size) const {
    if (!wait_for(fd_.get(), POLLOUT, deadline_)) return -1;
    return retried([&] { return ::send(fd_.get(), bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

} // namespace poppass
