// Whether users may log in, and change their own passwords.
#pragma once

#include "base/result.hh"
#include "credentials/entry.hh"

namespace poppass {

// Whether Dovecot's extra fields of the entry refuse the client, whatever the password is: nologin,
// fail and noauthenticate refuse everybody; allow_nets and allow_real_nets refuse the addresses
// that they do not list, and a client without an address.
bool refuses_client(const Entry& entry);

// An error (rejected) if the user of that line may not change the password today, whatever the new
// password is. Its text is for the user. If the old password is wrong, the text says only that, and
// reveals nothing about the account.
Result<void> check_policy(const Entry& entry, bool old_is_right);

} // namespace poppass
