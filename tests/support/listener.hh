// A port of loopback that a test listens at, as a server of its own or as one in between.
#pragma once

#include "support/program.hh"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace poppass::test {

// Listens at its own port of loopback.
class Listener {
public:
    Listener();
    int fd() const { return fd_.get(); }
    int port() const { return port_; }
    std::string uri() const { return "ldap://127.0.0.1:" + std::to_string(port_); }

    // Takes one connection and sends `answer` after the first bytes. Returns all that came until
    // the other side closed or the time was over.
    std::string talk_once(std::string_view answer, milliseconds limit) const;

private:
    Fd fd_;
    int port_;
};

// The first descriptor that can be read or has ended; empty if the time is over.
std::optional<std::size_t> first_ready(std::initializer_list<int> fds, int limit_ms);

// A connection to a port of loopback; none if nothing listens there.
Fd connect_port(int port);

} // namespace poppass::test
