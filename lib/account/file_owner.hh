// The account that a file belongs to. Root works on the file with the rights of this account.
#pragma once

#include "base/result.hh"
#include "process/effective_ids.hh"

#include <sys/stat.h>
#include <sys/types.h>
#include <vector>

namespace poppass {

class FileOwner {
public:
    FileOwner() = default; // root

    // The owner of a file with this status. /etc/passwd and /etc/group tell the gid and the groups;
    // an owner who is not there has the file's group alone.
    static Result<FileOwner> find(const struct stat& file);

    uid_t uid() const { return uid_; }

    // If the process runs as root and the owner is another account: the rights of that account. All
    // work on the file is done under them.
    Result<EffectiveIds> rights() const;

private:
    bool is_another() const;

    uid_t uid_ = 0;
    gid_t gid_ = 0;
    std::vector<gid_t> groups_;
};

} // namespace poppass
