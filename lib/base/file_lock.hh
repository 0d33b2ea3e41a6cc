// A lock on a whole file.
#pragma once

#include "base/result.hh"

#include <chrono>
#include <string_view>

namespace poppass {

// Locks the open file `fd` for us alone. The lock goes with the open file's last descriptor, and on
// systems other than Linux with our first one. Others are waited for no longer than `limit`; then, and
// where it cannot be locked at all, trouble that names `path`.
Result<void> lock_file(int fd, std::string_view path, std::chrono::seconds limit);

} // namespace poppass
