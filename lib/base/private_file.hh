// Files that hold secrets of the administrator: a password of a service, or settings with one.
#pragma once

#include "base/secret.hh"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace poppass {

// Reads all of the file, and returns its owner. It is misuse, in which `name` says what the file is
// for, if the file cannot be opened, is no regular file, does not fit, can be written by its group,
// can be read or written by everybody, or belongs neither to root nor to us.
Result<uid_t> read_private_file(std::string_view name, const std::string& path, Secret& into);

} // namespace poppass
