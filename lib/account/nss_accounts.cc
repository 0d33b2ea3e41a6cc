#include "account/nss_accounts.hh"

#include <grp.h>
#include <pwd.h>

namespace poppass {

Result<std::optional<Account>> find_nss_account(const std::string& name) {
    errno = 0;
    const passwd* const entry = ::getpwnam(name.c_str());
    if (entry != nullptr)
        return std::optional{
            Account{entry->pw_name, entry->pw_uid, entry->pw_gid, entry->pw_dir, entry->pw_shell}};
    // Name services set errno to different values if there is no such account (getpwnam(3)).
    for (const int none : {0, ENOENT, ESRCH, EBADF, EPERM, EINVAL})
        if (errno == none) return std::optional<Account>{};
    return system_trouble("look up an account");
}

Result<std::vector<gid_t>> find_nss_groups(const Account& account) {
    std::vector<gid_t> groups(64);
    for (;;) {
        int count = static_cast<int>(groups.size());
        if (::getgrouplist(account.name.c_str(), account.gid, groups.data(), &count) >= 0) {
            groups.resize(static_cast<std::size_t>(count));
            return groups;
        }
        if (groups.size() > 65536)
            return trouble("look up the groups of uid " + std::to_string(account.uid) +
                           ": too many");
        groups.resize(groups.size() * 2);
    }
}

} // namespace poppass
