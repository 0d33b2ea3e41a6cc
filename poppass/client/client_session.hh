// What poppass-client says to a server, and what the server's answers mean. Pure.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

// The longest argument that a command is made for: no server of ours has room for more.
inline constexpr std::size_t longest_argument = 508;

// "VERB ARGUMENT" and CR LF. An argument that is empty, too long, or holds NUL, CR or LF, which
// would end it early, is misuse; the error calls it `what` and does not show it. `into` must have
// room.
Result<void> make_command(Secret& into, std::string_view verb, std::string_view what,
                          std::string_view argument);

// What the server was asked last.
enum class Asked { greeting, user, pass, newpass, quit };

enum class Meaning {
    good,
    refused,  // what was sent is not taken
    trouble,  // the server's own; it says nothing on what was sent
    nonsense, // not of this protocol
};

struct ServerReply {
    Meaning meaning;
    std::string_view text; // what the server said, without the code; of nonsense, the whole line
};

// A line of the server without its line feed. Other servers than poppass ask for the passwords with
// a 3xx and say 4xx where they have trouble; all are understood.
ServerReply judge_reply(Asked asked, std::string_view line);

// What the program that made the connection tells of it.
struct Connection {
    std::string_view proto;          // $PROTO
    bool has_tls_session;            // $SSL_PROTOCOL is there
    std::optional<std::string> peer; // an address
};

// Whether others could read what is sent: not where TLS is known, nor where the other end is known
// to be on this machine.
bool is_readable_by_others(const Connection& connection);

} // namespace poppass
