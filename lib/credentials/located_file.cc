#include "credentials/located_file.hh"

#include "account/accounts.hh"
#include "base/file_mode.hh"
#include "process/become_user.hh"

#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace poppass {

namespace {

#ifdef POPPASS_LINUX
constexpr int path_only = O_PATH; // a reader needs no right to list the directory
#else
constexpr int path_only = O_RDONLY;
#endif

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

Result<void> become_owner(const struct stat& file) {
    const auto account = find_account(file.st_uid);
    if (!account) return account.error();
    if (!*account) return become_user(file.st_uid, file.st_gid, {file.st_gid});
    const auto groups = find_groups((*account)->name, (*account)->gid);
    if (!groups) return groups.error();
    return become_user(file.st_uid, (*account)->gid, *groups);
}

} // namespace

Result<void> LocatedFile::resolve(const std::string& path) {
    const auto real = [](const std::string& name) {
        return std::unique_ptr<char, decltype(&std::free)>{::realpath(name.c_str(), nullptr),
                                                           &std::free};
    };
    if (const auto found = real(path)) {
        path_ = found.get();
    } else {
        struct stat status {};
        // A symbolic link to nothing is not a missing file.
        if (errno != ENOENT || !options_.may_be_missing || ::lstat(path.c_str(), &status) == 0)
            return Error{ExitStatus::temporary, "find " + path, errno};
        const std::size_t slash = path.rfind('/') + 1;
        const auto parent = real(path.substr(0, slash) + ".");
        if (!parent) return system_trouble("find the directory of", path);
        path_ = std::string{parent.get()} + "/" + path.substr(slash);
    }
    const std::size_t slash = path_.rfind('/');
    name_ = path_.substr(slash + 1);
    if (name_.empty() || name_ == "." || name_ == "..") return trouble(path + " names no file");
    const std::string directory = slash == 0 ? "/" : path_.substr(0, slash);
    directory_.reset(retried([&] {
        return ::open(directory.c_str(), path_only | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    if (!directory_) return system_trouble("open the directory of", path_);
    return {};
}

Result<struct stat> LocatedFile::look() const {
    struct stat status {};
    if (retried([&] {
            return ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW);
        }) != 0)
        return system_trouble("look at", path_);
    return status;
}

Result<void> LocatedFile::check(const struct stat& file) const {
    struct stat directory {};
    if (retried([&] { return ::fstat(directory_.get(), &directory); }) != 0)
        return system_trouble("look at the directory of", path_);
    if (!S_ISREG(file.st_mode)) return trouble(path_ + " is not a regular file");
    if ((file.st_mode & S_IWOTH) != 0) return trouble(path_ + " can be written by everybody");
    if (directory.st_uid != 0 && directory.st_uid != file.st_uid)
        return trouble("the directory of " + path_ + " belongs to somebody else than the file");
    if (others_write(directory))
        return trouble("the directory of " + path_ + " can be written by others than its owner");
    return {};
}

Result<LocatedFile> LocatedFile::find(const std::string& path, LocatedFileOptions options) {
    LocatedFile file;
    file.options_ = options;
    if (auto done = file.resolve(path); !done) return done.error();
    struct stat owned {};
    if (const auto found = file.look()) {
        owned = *found;
        if (auto good = file.check(owned); !good) return good.error();
    } else {
        if (found.error().system_error != ENOENT || !options.may_be_missing) return found.error();
        // A new file will belong to the owner of the directory.
        if (retried([&] { return ::fstat(file.directory_.get(), &owned); }) != 0)
            return system_trouble("look at the directory of", file.path_);
        if (others_write(owned))
            return trouble("the directory of " + file.path_ +
                           " can be written by others than its owner");
    }
    if (options.become_owner && ::geteuid() == 0 && owned.st_uid != 0)
        if (auto done = become_owner(owned); !done) return done.error();
    file.owner_ = owned.st_uid;
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
        if (!opened.fd && errno == ENOENT && options_.may_be_missing)
            return std::optional<Opened>{};
        if (!opened.fd) return system_trouble("open", path_);
        if (retried([&] { return ::fstat(opened.fd.get(), &opened.status); }) != 0)
            return system_trouble("look at", path_);
        if (opened.status.st_nlink == 0) continue;
        if (auto good = check(opened.status); !good) return good.error();
        if (opened.status.st_uid != owner_) return trouble(path_ + " changed its owner");
        if (opened.status.st_nlink > 1) return trouble(path_ + " has more than one name");
        if (is_mount_point(opened.fd.get()))
            return trouble(path_ + " is a mount point: mount its directory instead");
        return std::optional<Opened>{std::move(opened)};
    }
    return trouble(path_ + " is replaced all the time");
}

Result<void> LocatedFile::check_unchanged(const Opened* opened) const {
    const auto now = look();
    if (!now && (opened != nullptr || now.error().system_error != ENOENT)) return now.error();
    if (opened == nullptr ? static_cast<bool>(now) : !same_file(opened->status, *now))
        return trouble(path_ + " was changed meanwhile by another program");
    return {};
}

} // namespace poppass
