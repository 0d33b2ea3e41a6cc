// The real uid that PAM's modules see at a change.
#pragma once

#include "base/result.hh"

#include <string>
#include <sys/types.h>

namespace poppass {

// Takes a real uid that is not root and keeps the effective one: modules that spare root the rules
// for new passwords do not spare us, and only root and that uid can send us signals. Proves it.
//
// From then on a look-up of that uid by getpwuid_r(3), ours or a module's, finds the account of
// `user` where the uid has none of its own.
Result<void> take_real_uid(uid_t uid, const std::string& user);

} // namespace poppass
