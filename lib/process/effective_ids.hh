// Another user's rights for a while.
#pragma once

#include "base/result.hh"
#include "process/parent_signal.hh"

#include <sys/types.h>
#include <utility>
#include <vector>

namespace poppass {

// While it exists, root has a user's groups, effective gid and effective uid. The real and saved
// uids stay 0, so that processes of that user can neither signal this process nor look into it.
// Ids belong to all threads alike: no other thread may run meanwhile. Nothing may be executed.
class EffectiveIds {
public:
    // Must be called by root, whose uids are all 0; uid 0 and gid 0 are refused. After an error the
    // ids are as before.
    static Result<EffectiveIds> take(uid_t uid, gid_t gid, const std::vector<gid_t>& groups);

    EffectiveIds() = default; // takes nothing
    EffectiveIds(EffectiveIds&& other) noexcept
        : taken_(std::exchange(other.taken_, false)), gid_(other.gid_),
          groups_(std::move(other.groups_)), parent_signal_(other.parent_signal_) {}
    EffectiveIds& operator=(EffectiveIds&&) = delete;
    EffectiveIds(const EffectiveIds&) = delete;
    EffectiveIds& operator=(const EffectiveIds&) = delete;

    // Takes root's ids back, and proves it. The signal at the parent's end is set again, because
    // the change of ids has cleared it. If any of that fails, the process ends with 111.
    ~EffectiveIds();

private:
    bool taken_ = false;
    gid_t gid_ = 0; // root's
    std::vector<gid_t> groups_;
    ParentSignal parent_signal_;
};

} // namespace poppass
