#include "process/become_user.hh"

#include "base/secret.hh"

#include <grp.h>
#include <string>
#include <unistd.h>

namespace poppass {

namespace {

#ifdef POPPASS_LINUX
bool take_ids(uid_t uid, gid_t gid) {
    return ::setresgid(gid, gid, gid) == 0 && ::setresuid(uid, uid, uid) == 0;
}
#else
// Called by root, these set the real, effective and saved ids alike.
bool take_ids(uid_t uid, gid_t gid) { return ::setgid(gid) == 0 && ::setuid(uid) == 0; }
#endif

} // namespace

Result<void> become_user(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
    if (uid == 0 || gid == 0) return trouble("become uid 0 or gid 0: not allowed");
    // To the system calls -1 means: do not change the id.
    if (uid == static_cast<uid_t>(-1) || gid == static_cast<gid_t>(-1))
        return trouble("become uid or gid -1: there is none");
    // Groups and gid come first, because only root can change them.
    if (::setgroups(groups.size(), groups.data()) != 0 || !take_ids(uid, gid))
        return system_trouble("become uid", std::to_string(uid));
    const bool is_user =
        ::getuid() == uid && ::geteuid() == uid && ::getgid() == gid && ::getegid() == gid;
    const bool root_again = ::setuid(0) == 0 || ::seteuid(0) == 0;
    if (!is_user || root_again)
        return trouble("become uid " + std::to_string(uid) + ": it can still become root");
    // With a change of ids the kernel sets the flag against dumping anew, by fs.suid_dumpable.
    return make_undumpable();
}

} // namespace poppass
