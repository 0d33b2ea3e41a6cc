// The real uid that PAM's modules see at a change.
#pragma once

#include "base/result.hh"

#include <string>
#include <sys/types.h>

namespace poppass {

// Sets a real uid that is not root's, and keeps the effective one. Modules do not apply the rules
// for new passwords if the real uid is root's; now they apply them. Only root and that uid can send
// us signals. The ids are read back and checked.
//
// From then on getpwuid_r(3), called by us or by a module, returns the account of `user` for that
// uid if the uid has no account of its own.
Result<void> take_real_uid(uid_t uid, const std::string& user);

} // namespace poppass
