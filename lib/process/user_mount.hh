// File systems that a process serves (FUSE). A user may mount one over a directory of their own,
// and it shows whatever owners and modes it likes.
#pragma once

#include "base/result.hh"

#include <string>
#include <sys/stat.h>

namespace poppass {

// An error, which says what to do, if `path`, which is open at `fd`, is on such a file system, and
// neither root nor the account of this process mounted it. `device` is that of its status.
Result<void> judge_mount(int fd, dev_t device, const std::string& path);

// Whether the lines of `mountinfo`, a file as /proc/self/mountinfo, show that root or `user`
// mounted the FUSE file system with this device number. What they do not show is not believed.
Result<bool> is_mounted_by(int mountinfo, dev_t device, uid_t user);

} // namespace poppass
