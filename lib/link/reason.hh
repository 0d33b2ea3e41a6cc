// The reason that a link gives: of what it writes to descriptor 1, the one line that the client may
// see, and what the log gets of it.
#pragma once

#include "base/secret.hh"
#include "base/withheld.hh"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace poppass {

// The longest reason of a link that is passed on, in bytes.
inline constexpr std::size_t longest_reason = 200;

// Takes the output of a link piece by piece, in constant memory, and finds the first line that
// begins with a reply code of 4xx or 5xx and a space or a hyphen: `553 Sorry, too short (#5.7.1)`.
class ReasonReader {
public:
    void take(std::string_view bytes);

    // That line, without its code, its tag `(#...)` and control characters, those from U+0080 to
    // U+009F and their bytes in 8-bit character sets included, at most longest_reason bytes, which
    // end with a whole character of UTF-8. Empty where there was no such line. Valid until the next
    // call of a member function. It may contain the session's passwords. The client sent them, so
    // they are nothing new to it: "too short" is the reason for the password "short".
    std::string_view reason();

    // That line with its code and its tag, without control bytes, at most 1024 bytes: for a link
    // that passes it on. Valid as reason() is.
    std::string_view line();

    // What the log gets of reason(): `withheld` if the line tells one of `passwords`.
    std::string_view reason_for_log(std::initializer_list<std::string_view> passwords);

private:
    void end_line();
    void show(std::string_view text);

    // A Secret, because a link may have written a password. It is longer than longest_reason so
    // that a password is found of which the cut would leave only the beginning.
    Secret line_{1024};
    Secret shown_{1024}; // the part of it that is looked at, without control characters
    bool found_ = false;
};

} // namespace poppass
