// The system's accounts as its name service lists them: /etc/passwd, sssd, a directory. Not for
// static programs.
#pragma once

#include "account/accounts.hh"

namespace poppass {

// Nothing if there is no such account. A name service that cannot answer is trouble.
Result<std::optional<Account>> find_nss_account(const std::string& name);

// The account's gid, and the gids of the groups that have it as a member.
Result<std::vector<gid_t>> find_nss_groups(const Account& account);

} // namespace poppass
