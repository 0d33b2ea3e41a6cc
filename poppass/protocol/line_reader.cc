#include "protocol/line_reader.hh"

#include <algorithm>

namespace poppass {

std::optional<LineReader::Line> LineReader::line() {
    const std::string_view bytes = input_.view();
    const std::size_t end = bytes.find('\n');
    if (end == bytes.npos) {
        if (bytes.size() > longest_line) {
            cut_ = true;
            poppass::wipe(input_.storage().subspan(longest_line, bytes.size() - longest_line));
            input_.resize(longest_line);
        }
        return std::nullopt;
    }
    given_ = end + 1;
    return Line{bytes.substr(0, std::min(end, longest_line)), cut_ || end > longest_line};
}

void LineReader::drop_line() {
    if (given_ == 0) return;
    input_.drop_front(given_);
    given_ = 0;
    cut_ = false;
}

} // namespace poppass
