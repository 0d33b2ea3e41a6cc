// What poppass-client says to a server, and what the server's answers mean. Pure.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

// The longest argument of a command. poppass takes no longer one.
inline constexpr std::size_t longest_argument = 508;

// "VERB ARGUMENT" and CR LF. An argument that is empty, too long, or holds NUL, CR or LF, which
// would end it early, is misuse. The error calls it `what` and does not contain it. `into` must
// have room.
Result<void> make_command(Secret& into, std::string_view verb, std::string_view what,
                          std::string_view argument);

// What the server was asked last.
enum class Asked { greeting, user, pass, newpass, quit };

enum class Meaning {
    good,
    refused,  // the server does not accept what was sent
    trouble,  // the server has trouble, whatever was sent
    nonsense, // this is not the protocol
};

struct ServerReply {
    Meaning meaning;
    std::string_view text; // what the server said, without the code; of nonsense, the whole line
};

// Judges a line of the server, without its line feed. Servers other than poppass ask for the
// passwords with 3xx and report trouble with 4xx; both are understood.
ServerReply judge_reply(Asked asked, std::string_view line);

// What the program that made the connection says about it.
struct Connection {
    std::string_view proto;          // $PROTO
    bool has_tls_session;            // $SSL_PROTOCOL is there
    std::optional<std::string> peer; // an address
};

// Whether others could read what is sent. False only where the connection is known to use TLS or to
// end on this machine.
bool is_readable_by_others(const Connection& connection);

} // namespace poppass
