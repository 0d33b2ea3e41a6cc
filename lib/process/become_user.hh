// Becoming another user than root, permanently.
#pragma once

#include "base/result.hh"

#include <sys/types.h>
#include <vector>

namespace poppass {

// Takes these groups, this gid and this uid, and proves that the process cannot become root again.
// The process cannot be dumped afterwards, whatever the system's setting for such processes.
// Must be called as root; uid 0 and gid 0 are refused. After an error the ids are not known, and
// the program must end.
Result<void> become_user(uid_t uid, gid_t gid, const std::vector<gid_t>& groups);

} // namespace poppass
