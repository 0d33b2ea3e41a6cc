// Bytes of the client to lines, in one fixed buffer that is wiped as lines are done.
#pragma once

#include "protocol/command.hh"
#include "base/secret.hh"

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

    // Where bytes may be read to; never empty while line() has nothing to give. Then say how many came.
    std::span<char> room() { return input_.storage().subspan(input_.size()); }
    void took(std::size_t count) { input_.resize(input_.size() + count); }

    // The first line, if all of it has come. The beginning of a line that is too long is kept, what
    // follows is forgotten as it comes.
    std::optional<Line> line();

    // Wipes the line that line() gave; does nothing where that was done already.
    void drop_line();

    void wipe() { input_.wipe(); }

private:
    Secret input_{4096};
    std::size_t given_ = 0; // of the first line, its LF included, once it was given
    bool cut_ = false;      // the first line lost what followed its beginning
};

} // namespace poppass
