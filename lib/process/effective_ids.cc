#include "process/effective_ids.hh"

#include "base/log.hh"
#include "base/secret.hh"

#include <algorithm>
#include <grp.h>
#include <string>
#include <unistd.h>

namespace poppass {

namespace {

Result<std::vector<gid_t>> present_groups() {
    const int count = ::getgroups(0, nullptr);
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
    if (count < 0 || ::getgroups(count, groups.data()) != count)
        return system_trouble("read the groups");
    return groups;
}

} // namespace

Result<EffectiveIds> EffectiveIds::take(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
    const std::string who = "uid " + std::to_string(uid) + " and gid " + std::to_string(gid);
    if (uid == 0 || gid == 0) return trouble("take the rights of " + who + ": 0 is not allowed");
    // To the system calls -1 means: do not change the id.
    if (uid == static_cast<uid_t>(-1) || gid == static_cast<gid_t>(-1))
        return trouble("take the rights of uid or gid -1: there is none");
    if (::getuid() != 0 || ::geteuid() != 0)
        return trouble("take the rights of " + who +
                       ": the process also has a uid that is not root's");
    auto before = present_groups();
    if (!before) return before.error();
    EffectiveIds taken;
    taken.gid_ = ::getegid();
    taken.groups_ = std::move(*before);
    taken.parent_signal_ = parent_signal();
    taken.taken_ = true;
    // Groups and gid come first, because only root can change them.
    if (::setgroups(groups.size(), groups.data()) != 0 || ::setegid(gid) != 0 ||
        ::seteuid(uid) != 0)
        return system_trouble("take the rights of", who);
    if (::geteuid() != uid || ::getegid() != gid)
        return trouble("take the rights of " + who + ": they were not taken");
    // The system may have made the process dumpable when its ids changed.
    if (auto done = make_undumpable(); !done) return done.error();
    return taken;
}

EffectiveIds::~EffectiveIds() {
    if (!taken_) return;
    const int before = errno;
    bool restored = ::seteuid(0) == 0 && ::setegid(gid_) == 0 &&
                    ::setgroups(groups_.size(), groups_.data()) == 0 && make_undumpable() &&
                    set_parent_signal(parent_signal_);
    if (restored) {
        const auto groups = present_groups();
        restored = ::geteuid() == 0 && ::getegid() == gid_ && groups && *groups == groups_;
    }
    if (!restored) {
        complain("poppass", "cannot take root's ids back");
        ::_exit(static_cast<int>(ExitStatus::temporary));
    }
    errno = before;
}

} // namespace poppass
