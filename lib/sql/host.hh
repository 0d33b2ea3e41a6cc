// A server of a database, as the settings name it, and its addresses.
#pragma once

#include "base/result.hh"
#include "link/report.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

struct SqlHost {
    std::string name; // or an address, or the absolute path of a socket
    std::string port; // empty: the usual one

    // HOST, HOST:PORT, [IPV6], [IPV6]:PORT or /PATH. Misuse if it is none of these.
    static Result<SqlHost> parse(std::string_view word);

    bool is_socket() const { return name.starts_with('/'); }

    // The same form again, for the log.
    std::string text() const;
};

struct SqlAddress {
    std::string text; // numeric
    bool loopback;    // by the name too: it is one of these addresses, or localhost
};

// Warns of a connection without TLS to a port of this machine where every account may listen. Its
// address is numeric.
void warn_of_port(const std::string& name, std::string_view address, unsigned port, Report& report);

// Warns of a socket at this path if others than root and the socket's owner could put their own in
// its place.
void warn_of_socket(const std::string& name, const std::string& path, Report& report);

// The addresses of a host, in the order in which they are tried. The resolver may need two seconds
// for each name server.
Result<std::vector<SqlAddress>> find_addresses(const SqlHost& host);

} // namespace poppass
