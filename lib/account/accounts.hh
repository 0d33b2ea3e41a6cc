// The system's accounts as /etc/passwd and /etc/group list them, without NSS, so that static
// programs can ask. Accounts that only sssd, LDAP or the like know are unknown here.
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

// The first entry of /etc/passwd with that name or uid; nothing where there is none. A file that
// cannot be read is trouble; one that is missing lists nobody.
Result<std::optional<Account>> find_account(std::string_view name);
Result<std::optional<Account>> find_account(uid_t uid);

// `gid`, and the groups that /etc/group lists `name` in.
Result<std::vector<gid_t>> find_groups(std::string_view name, gid_t gid);

} // namespace poppass
