// Follows a path in which only root and the file's owner could have put anything.
#pragma once

#include "base/fd.hh"

#include <string>
#include <sys/stat.h>

namespace poppass {

struct WalkedPath {
    Fd directory;       // that the file is in
    std::string path;   // of the file, without symbolic links
    std::string name;   // of the file in the directory
    bool missing;       // there is no such file yet
    struct stat status; // of the file; of the directory if the file is missing
};

// Walks from the root, or for a relative path from the working directory, to the file. Every
// directory on the way, with those that symbolic links lead through, is judged as judge_directory
// does, but others may write a sticky directory of root's above the file's. A symbolic link belongs
// to root or to the file's owner. A refusal names the component and says what to do. A missing file
// belongs to the owner of its directory. A symbolic link to nothing is an error, and no missing
// file.
Result<WalkedPath> walk_path(const std::string& path);

// An error unless the directory, which `file` is in, belongs to root or to the file's owner, and
// nobody else can write it.
Result<void> judge_directory_of(const std::string& file, uid_t owner, const struct stat& directory);

} // namespace poppass
