// Reading a file line by line, in constant memory.
#pragma once

#include "base/result.hh"

#include <cstddef>
#include <functional>
#include <string_view>

namespace poppass {

// Hands each line of the descriptor, from its current offset, to `take`: without its line feed, and
// whether it has one. Ends early where that returns false. A line of `longest` bytes or more is
// trouble.
Result<void> each_line(int fd, std::size_t longest,
                       const std::function<bool(std::string_view line, bool ends)>& take);

} // namespace poppass
