// What a file has beside its content.
#pragma once

#include "base/result.hh"

#include <string>

namespace poppass {

// Gives the file of descriptor `to` the owner, group, extended attributes (ACL, security label) and
// mode of `from`, takes away attributes that only `to` has (a directory's default ACL gives some),
// and reads all of it back. Anything that cannot be kept is an error that names it.
Result<void> copy_attributes(int from, int to);

} // namespace poppass
