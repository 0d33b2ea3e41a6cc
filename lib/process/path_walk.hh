// Follows a path, and judges who could have put anything in it.
#pragma once

#include "base/fd.hh"

#include <string>
#include <sys/stat.h>
#include <vector>

namespace poppass {

// A directory or a symbolic link on the way to a file.
struct Component {
    std::string path;
    struct stat status;
};

struct WalkedPath {
    Fd directory;               // that the file is in
    std::string path;           // of the file, without symbolic links
    std::string name;           // of the file in the directory
    bool missing;               // there is no such file yet
    struct stat status;         // of the file; of the directory if the file is missing
    std::vector<Component> way; // also what symbolic links lead through
};

// Walks from the root, or for a relative path from the working directory, to the file. It does not
// judge the owners, but it refuses a file system that a user mounted, as judge_mount does. A
// symbolic link to nothing is an error; it does not count as a missing file.
Result<WalkedPath> follow_path(const std::string& path);

// An error if somebody other than root and `owner` could put another file in the place of `file`
// here. It names the component and says what to do. Others may write a sticky directory of root's:
// they cannot replace there what belongs to root or to `owner`. A symbolic link has no mode.
Result<void> judge_on_way(const Component& component, const std::string& file, uid_t owner);

// Walks to a credential file. Every component of the way is judged by the file's owner, and the
// last directory as judge_directory_of does. A missing file belongs to the owner of its directory.
Result<WalkedPath> walk_path(const std::string& path);

// A directory that nobody but root and the account of this process can exchange or write.
struct SafeDirectory {
    std::string path;   // without symbolic links
    Fd parent;          // that it is in; none of the root
    std::string name;   // in there
    Fd directory;       // opened for its path alone; none if it is missing
    struct stat status; // of it
};

// Walks to it. An error says what to do.
Result<SafeDirectory> find_safe_directory(const std::string& path);

// An error unless the directory, which `file` is in, belongs to root or to the file's owner, and
// nobody else can write it.
Result<void> judge_directory_of(const std::string& file, uid_t owner, const struct stat& directory);

} // namespace poppass
