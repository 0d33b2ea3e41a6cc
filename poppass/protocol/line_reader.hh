// Splits the client's bytes into lines, in one fixed buffer. Each line is wiped once it is done
// with.
#pragma once

#include "base/secret.hh"
#include "protocol/command.hh"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace poppass {

class LineReader {
public:
    struct Line {
        std::string_view text; // without its LF; valid until drop_line()
        bool cut;              // it was longer than longest_line: only its beginning is here
    };

    // The space to read bytes into; it is never empty while line() returns nothing. Call took()
    // with the number of bytes that were read.
    std::span<char> room() { return input_.storage().subspan(input_.size()); }
    void took(std::size_t count) { input_.resize(input_.size() + count); }

    // The first line, if it is complete. Of a line that is too long, only the beginning is kept.
    std::optional<Line> line();

    // Wipes the line that line() returned; does nothing where that was done already.
    void drop_line();

    void wipe() { input_.wipe(); }

private:
    Secret input_{4096};
    std::size_t given_ = 0; // size of the line that line() returned, with its LF; else 0
    bool cut_ = false;      // the first line has lost its end
};

} // namespace poppass
