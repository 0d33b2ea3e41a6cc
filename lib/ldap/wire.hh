// The socket under libldap: connected, read and written by us, so that nothing outlasts a deadline.
// libldap's own limits leave out handshakes (where it is built with GnuTLS) and half messages.
#pragma once

#include "base/clock.hh"
#include "base/fd.hh"
#include "ldap/name.hh"

#include <ldap.h>

namespace poppass {

class LdapWire {
public:
    // Tries the addresses of the server in turn, each for its share of the time. `clear`: what is
    // sent would not be encrypted, so that no other address than loopback's counts.
    static Result<LdapWire> connect(const LdapUri& server, bool clear, Clock::time_point deadline);

    // Puts this under a handle, which must be gone before this is. Nothing where libldap refuses.
    LDAP* make_handle(const LdapUri& server);

    // From here on reads and writes end then, as ETIMEDOUT.
    void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }
    Clock::time_point deadline() const { return deadline_; }
    bool is_late() const { return Clock::now() >= deadline_; }

    // As read(2) and write(2).
    ssize_t read(void* into, std::size_t size) const;
    ssize_t write(const void* bytes, std::size_t size) const;

private:
    LdapWire(Fd fd, Clock::time_point deadline) : fd_(std::move(fd)), deadline_(deadline) {}

    Fd fd_;
    Clock::time_point deadline_;
};

} // namespace poppass
