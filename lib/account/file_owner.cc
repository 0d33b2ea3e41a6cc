#include "account/file_owner.hh"

#include "account/accounts.hh"

#include <unistd.h>

namespace poppass {

Result<FileOwner> FileOwner::find(const struct stat& file) {
    FileOwner owner;
    owner.uid_ = file.st_uid;
    if (!owner.is_another()) return owner;
    const auto account = find_account(owner.uid_);
    if (!account) return account.error();
    owner.gid_ = *account ? (*account)->gid : file.st_gid;
    auto groups = *account ? find_groups((*account)->name, owner.gid_) : std::vector{owner.gid_};
    if (!groups) return groups.error();
    owner.groups_ = std::move(*groups);
    return owner;
}

bool FileOwner::is_another() const { return ::geteuid() == 0 && uid_ != 0; }

Result<EffectiveIds> FileOwner::rights() const {
    if (!is_another()) return EffectiveIds{};
    return EffectiveIds::take(uid_, gid_, groups_);
}

} // namespace poppass
