// A link's words: from what it writes to descriptor 1, the one line that may be shown to the client.
#pragma once

#include "base/secret.hh"
#include "protocol/verdict.hh"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace poppass {

// Takes the output of a link bit by bit, in constant memory, and finds the first line that begins with
// a reply code of 4xx or 5xx and a space or a hyphen: `553 Sorry, too short (#5.7.1)`.
class ReasonReader {
public:
    void take(std::string_view bytes);

    // That line, without its code, its tag `(#...)` and control bytes, cut at longest_reason (not within a
    // character of UTF-8); empty where there was none, or where it holds one of `passwords`.
    // Valid until the next call of anything here.
    std::string_view reason(std::initializer_list<std::string_view> passwords);

private:
    void end_line();

    // A link may have written a password: kept as one. The room beyond longest_reason is for finding a
    // password that the cut would have hidden in part.
    Secret line_{1024};
    bool found_ = false;
};

} // namespace poppass
