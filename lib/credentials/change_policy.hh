// Whether users may change their own passwords.
#pragma once

#include "credentials/entry.hh"
#include "base/result.hh"

namespace poppass {

// What forbids the user of that line a change today, whatever the new password is; rejected, with
// words for the user, which give nothing away where the old password is not right.
Result<void> check_policy(const Entry& entry, bool old_is_right);

} // namespace poppass
