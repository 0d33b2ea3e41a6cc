// The system's accounts as /etc/passwd and /etc/group list them. Nothing here uses NSS, so that
// static programs can ask. Accounts that only sssd, LDAP or another service lists are not found.
#pragma once

#include "base/result.hh"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace poppass {

struct Account {
    std::string name;
    uid_t uid;
    gid_t gid;
    std::string home;
    std::string shell;
    std::string gecos;
};

// The first entry of /etc/passwd with that name or uid; nothing if there is none. A file that
// cannot be read is trouble. A missing file has no entries.
Result<std::optional<Account>> find_account(std::string_view name);
Result<std::optional<Account>> find_account(uid_t uid);

// `gid`, and the gids of the groups in /etc/group that have `name` as a member.
Result<std::vector<gid_t>> find_groups(std::string_view name, gid_t gid);

} // namespace poppass
