// A file that is looked for once. Rules keep other users from putting another file in its place.
#pragma once

#include "account/file_owner.hh"
#include "base/fd.hh"

#include <optional>
#include <string>
#include <sys/stat.h>

namespace poppass {

class LocatedFile {
public:
    // Walks the path as walk_path does, and keeps the file's directory open; later calls use the
    // file's name in that directory. The file must be a regular one that not everybody can write.
    // `may_be_missing`: a change will create it.
    static Result<LocatedFile> find(const std::string& path, bool may_be_missing);

    // If the process runs as root and the file belongs to another account: the rights of that
    // account. All work on the file is done under them. A missing file belongs to the account that
    // owns its directory.
    Result<EffectiveIds> as_owner() const { return owner_.rights(); }

    struct Opened {
        Fd fd;
        struct stat status;
    };

    // Opens the file for reading. The rules must still hold, the file must have no other name (hard
    // link), and it must not be a mount point, because a rename cannot replace one. Returns nothing
    // if the file is missing and may be missing.
    Result<std::optional<Opened>> open() const;

    // An error if the file is not `opened`, or has changed since it was opened. If `opened` is a
    // null pointer, an error if the file exists.
    Result<void> check_unchanged(const Opened* opened) const;

    // An error that says what to do if the process has the rights of the file's owner, and these do
    // not suffice to replace the file.
    Result<void> check_rights() const;

    const std::string& path() const { return path_; } // resolved
    const std::string& name() const { return name_; } // within the directory
    int directory() const { return directory_.get(); }
    uid_t owner() const { return owner_.uid(); }

private:
    LocatedFile() = default;
    Result<struct stat> look() const;

    bool may_be_missing_ = false;
    std::string path_;
    std::string name_;
    Fd directory_;
    FileOwner owner_;
};

} // namespace poppass
