#include "credentials/located_file.hh"

#include "process/path_walk.hh"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace poppass {

namespace {

bool is_mount_point([[maybe_unused]] int fd) {
#ifdef STATX_ATTR_MOUNT_ROOT
    struct statx status {};
    return retried([&] { return ::statx(fd, "", AT_EMPTY_PATH, 0, &status); }) == 0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#else
    return false;
#endif
}

// st_ctim changes whenever the content, the owner, the mode or an attribute changes.
bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

Result<void> check_kind(const struct stat& file, const std::string& path) {
    if (!S_ISREG(file.st_mode)) return trouble(path + " is not a regular file: name one");
    if ((file.st_mode & S_IWOTH) != 0)
        return trouble(path + " can be written by everybody: chmod o-w it");
    return {};
}

} // namespace

Result<struct stat> LocatedFile::look() const {
    struct stat status {};
    if (retried([&] {
            return ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW);
        }) != 0)
        return system_trouble("look at", path_);
    return status;
}

Result<LocatedFile> LocatedFile::find(const std::string& path, bool may_be_missing) {
    auto walked = walk_path(path);
    if (!walked) return walked.error();
    if (walked->missing && !may_be_missing)
        return Error{ExitStatus::temporary, "find " + walked->path, ENOENT};
    LocatedFile file;
    file.may_be_missing_ = may_be_missing;
    file.path_ = std::move(walked->path);
    file.name_ = std::move(walked->name);
    file.directory_ = std::move(walked->directory);
    if (!walked->missing)
        if (auto good = check_kind(walked->status, file.path_); !good) return good.error();
    auto owner = FileOwner::find(walked->status);
    if (!owner) return owner.error();
    file.owner_ = std::move(*owner);
    return file;
}

Result<std::optional<LocatedFile::Opened>> LocatedFile::open() const {
    // If the file is replaced after it was opened, it has no name any more, and the new one is
    // opened.
    for (int tries = 0; tries < 100; ++tries) {
        Opened opened{};
        // It must not block if the file has become a pipe.
        opened.fd.reset(retried([&] {
            return ::openat(directory_.get(), name_.c_str(),
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        }));
        if (!opened.fd && errno == ENOENT && may_be_missing_) return std::optional<Opened>{};
        if (!opened.fd) return system_trouble("open", path_);
        if (retried([&] { return ::fstat(opened.fd.get(), &opened.status); }) != 0)
            return system_trouble("look at", path_);
        if (opened.status.st_nlink == 0) continue;
        if (auto good = check_kind(opened.status, path_); !good) return good.error();
        if (opened.status.st_uid != owner()) return trouble(path_ + " changed its owner");
        struct stat directory {};
        if (retried([&] { return ::fstat(directory_.get(), &directory); }) != 0)
            return system_trouble("look at the directory of", path_);
        if (auto good = judge_directory_of(path_, owner(), directory); !good) return good.error();
        if (opened.status.st_nlink > 1)
            return trouble(path_ + " has more than one name: remove the others");
        if (is_mount_point(opened.fd.get()))
            return trouble(path_ + " is a mount point: mount its directory instead");
        return std::optional<Opened>{std::move(opened)};
    }
    return trouble(path_ + " is replaced all the time");
}

Result<void> LocatedFile::check_rights() const {
    if (::geteuid() == 0 || ::geteuid() != owner()) return {};
    if (::faccessat(directory_.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
        return trouble("the file's owner cannot write its directory: chown " +
                       std::to_string(owner()) + " " + path_.substr(0, path_.rfind('/') + 1));
    const auto file = look();
    if (!file) return file.error();
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    if (::getgroups(static_cast<int>(groups.size()), groups.data()) < 0)
        return system_trouble("read the groups");
    groups.push_back(::getegid());
    if (std::find(groups.begin(), groups.end(), file->st_gid) != groups.end()) return {};
    return trouble("gid " + std::to_string(file->st_gid) +
                   " is no group of the file's owner: chgrp " + std::to_string(::getegid()) + " " +
                   path_);
}

Result<void> LocatedFile::check_unchanged(const Opened* opened) const {
    const auto now = look();
    if (!now && (opened != nullptr || now.error().system_error != ENOENT)) return now.error();
    if (opened == nullptr ? static_cast<bool>(now) : !same_file(opened->status, *now))
        return trouble(path_ + " was changed meanwhile by another program");
    return {};
}

} // namespace poppass
