// Whether users may change their own passwords.
#pragma once

#include "base/result.hh"
#include "credentials/entry.hh"

namespace poppass {

// An error (rejected) if the user of that line may not change the password today, whatever the new
// password is. Its text is for the user. If the old password is wrong, the text says only that, and
// reveals nothing about the account.
Result<void> check_policy(const Entry& entry, bool old_is_right);

} // namespace poppass
