// Parses one input line of the protocol into one command. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace poppass {

enum class Verb { user, pass, newpass, quit, unknown };

enum class Argument {
    good,
    empty,
    forbidden, // holds NUL or CR, which no record can carry
    too_long,  // the line was longer than any argument that could fit a record
};

struct Command {
    Verb verb = Verb::unknown;
    Argument state = Argument::empty;
    std::string_view argument; // a view into the line; complete where state is good
};

// The longest line that is kept; no record could take it.
inline constexpr std::size_t longest_line = 1024;

// `line` as received, without its LF; one CR at its end belongs to the line end. `cut` says that
// the line was longer than longest_line, and only its beginning is here. The command word may be in
// capital or small letters. Exactly one space follows it; all the rest, spaces and 8-bit bytes
// included, is the argument.
Command parse_command(std::string_view line, bool cut);

} // namespace poppass
