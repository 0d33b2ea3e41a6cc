// The socket that libldap uses. It is connected, read and written here, so that nothing takes
// longer than the deadline. The limits of libldap itself do not cover TLS handshakes (if it is
// built with GnuTLS) and incomplete messages.
#pragma once

#include "base/clock.hh"
#include "base/fd.hh"
#include "ldap/name.hh"

#include <ldap.h>

namespace poppass {

class LdapWire {
public:
    // Tries the addresses of the server in turn; each gets its share of the time. With `clear` the
    // connection will not be encrypted, and only loopback addresses are tried.
    static Result<LdapWire> connect(const LdapUri& server, bool clear, Clock::time_point deadline);

    // Makes a handle of libldap that uses this socket. The handle must be destroyed before this is.
    // Null if libldap refuses.
    LDAP* make_handle(const LdapUri& server);

    // From now on reads and writes fail with ETIMEDOUT at this time.
    void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }
    Clock::time_point deadline() const { return deadline_; }
    bool is_late() const { return Clock::now() >= deadline_; }

    // Whether the server has sent more than a megabyte, which no answer to us needs. Then reads
    // fail.
    bool is_flooded() const { return received_ > 1'000'000; }

    // As read(2) and write(2).
    ssize_t read(void* into, std::size_t size);
    ssize_t write(const void* bytes, std::size_t size) const;

private:
    LdapWire(Fd fd, Clock::time_point deadline) : fd_(std::move(fd)), deadline_(deadline) {}

    Fd fd_;
    Clock::time_point deadline_;
    std::size_t received_ = 0;
};

} // namespace poppass
