// A file that was found once, by rules that keep others from putting another one in its place.
#pragma once

#include "base/fd.hh"

#include <optional>
#include <string>
#include <sys/stat.h>

namespace poppass {

struct LocatedFileOptions {
    bool become_owner = true;    // as root, for a file of another account
    bool may_be_missing = false; // it is going to be made
};

class LocatedFile {
public:
    // Resolves the path, and holds the directory that the file is in: later calls name the file by
    // that. The file must be a regular one that not everybody can write, in a directory that only
    // root or the file's owner can write. Started as root on a file of another account, the process
    // becomes that account, for good; for a missing file, the account that owns the directory.
    static Result<LocatedFile> find(const std::string& path, LocatedFileOptions options);

    struct Opened {
        Fd fd;
        struct stat status;
    };

    // Opens the file for reading; it still keeps to the rules, has no other name, and is no mount
    // point (a rename could not replace it). Nothing where it is missing, and may be.
    Result<std::optional<Opened>> open() const;

    // An error where the file is another one than `opened`, or has changed since; where that is a
    // null pointer, if there is one.
    Result<void> check_unchanged(const Opened* opened) const;

    const std::string& path() const { return path_; } // resolved
    const std::string& name() const { return name_; } // within the directory
    int directory() const { return directory_.get(); }
    uid_t owner() const { return owner_; }

private:
    LocatedFile() = default;
    Result<void> resolve(const std::string& path);
    Result<struct stat> look() const;
    Result<void> check(const struct stat& file) const;

    LocatedFileOptions options_;
    std::string path_;
    std::string name_;
    Fd directory_;
    uid_t owner_ = 0;
};

} // namespace poppass
