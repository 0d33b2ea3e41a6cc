// Reading a file line by line, in constant memory.
#pragma once

#include "base/result.hh"

#include <cstddef>
#include <functional>
#include <string_view>

namespace poppass {

// Calls `take` for each line of the descriptor, beginning at its current offset. `line` comes
// without its line feed; `ends` tells whether it had one. Where `take` returns false, no more lines
// are read. A line of `longest` bytes or more is trouble.
Result<void> each_line(int fd, std::size_t longest,
                       const std::function<bool(std::string_view line, bool ends)>& take);

} // namespace poppass
