// Giving up root for another user, for good.
#pragma once

#include "base/result.hh"

#include <sys/types.h>
#include <vector>

namespace poppass {

// Takes these groups, this gid and this uid, and proves that root cannot be had back. Must be
// called as root; uid 0 is refused. After an error who we are is not known: the program must end.
Result<void> become_user(uid_t uid, gid_t gid, const std::vector<gid_t>& groups);

} // namespace poppass
