// A lock on a whole file.
#pragma once

#include "base/result.hh"

#include <chrono>
#include <string_view>

namespace poppass {

// Locks the open file `fd` so that nobody else can lock it. The lock ends when the last descriptor
// of the open file is closed; on systems other than Linux, when this process closes any descriptor
// of the file. Waits at most `limit` for a lock of somebody else's. After that, and where the file
// cannot be locked at all, the result is trouble that names `path`.
Result<void> lock_file(int fd, std::string_view path, std::chrono::milliseconds limit);

} // namespace poppass
