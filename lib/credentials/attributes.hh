// Copies the owner, the mode and the extended attributes of a file.
#pragma once

#include "base/result.hh"

#include <string>

namespace poppass {

// Gives the file of descriptor `to` the owner, group, extended attributes (ACL, security label) and
// mode of `from`. Removes attributes that only `to` has, such as those of a directory's default
// ACL. Then reads all of it back and compares. If something cannot be kept, the error names it.
Result<void> copy_attributes(int from, int to);

} // namespace poppass
