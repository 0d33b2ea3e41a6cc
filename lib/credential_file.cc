#include "credential_file.hh"

#include "accounts.hh"
#include "become_user.hh"
#include "clock.hh"
#include "file_attributes.hh"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace poppass {

namespace {

constexpr std::chrono::seconds longest_wait{10};
constexpr timespec pause_between_tries{0, 5'000'000};

#ifdef POPPASS_LINUX
constexpr int path_only = O_PATH; // a reader needs no right to list the directory
constexpr int set_lock = F_OFD_SETLK;
#else
constexpr int path_only = O_RDONLY;
constexpr int set_lock = F_SETLK;
#endif

// TERM, INT and HUP wait while one of these lives, and going over a file size limit is an error of
// the call instead of the end of us.
class SignalsHeld {
public:
    SignalsHeld() {
        sigset_t held;
        ::sigemptyset(&held);
        for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&held, number);
        ::sigprocmask(SIG_BLOCK, &held, &mask_);
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGXFSZ, &ignore, &over_size_);
    }
    SignalsHeld(const SignalsHeld&) = delete;
    SignalsHeld& operator=(const SignalsHeld&) = delete;
    ~SignalsHeld() {
        ::sigaction(SIGXFSZ, &over_size_, nullptr);
        ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }

private:
    sigset_t mask_{};
    struct sigaction over_size_ {};
};

bool is_mount_point([[maybe_unused]] int fd) {
#ifdef STATX_ATTR_MOUNT_ROOT
    struct statx status {};
    return retried([&] { return ::statx(fd, "", AT_EMPTY_PATH, 0, &status); }) == 0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#else
    return false;
#endif
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

bool others_write(const struct stat& status) {
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

// The bytes [at, at + cut) of the old file become `insert`.
struct Splice {
    off_t at;
    off_t cut;
    std::string insert;
};

Splice splice(const Scan& scan, const Edit& edit) {
    const off_t line_feed = scan.line_ends ? 1 : 0;
    if (edit.what == Edit::What::remove) return {scan.line_at, scan.line_size + line_feed, ""};
    if (scan.found.line) return {scan.line_at, scan.line_size, edit.line};
    return {scan.size, 0, (scan.file_ends ? "" : "\n") + edit.line + "\n"};
}

Error about(const std::string& path, Error error) {
    error.what = path + ": " + error.what;
    return error;
}

// Copies [from, to) of one file to the end of another.
Result<void> copy_bytes(int old_file, int new_file, off_t from, off_t to) {
    constexpr off_t block_size = 65536;
    const std::unique_ptr<char[]> block{new char[block_size]};
    while (from < to) {
        const auto wanted = static_cast<std::size_t>(std::min(block_size, to - from));
        const auto got = retried([&] { return ::pread(old_file, block.get(), wanted, from); });
        if (got < 0) return system_trouble("read");
        if (got == 0) return trouble("read: it became shorter");
        if (auto done = write_whole(new_file, {block.get(), static_cast<std::size_t>(got)}); !done)
            return done;
        from += got;
    }
    return {};
}

} // namespace

// The parts of the path, and the directory's descriptor.
Result<void> CredentialFile::resolve() {
    const auto real = [](const std::string& path) {
        return std::unique_ptr<char, decltype(&std::free)>{::realpath(path.c_str(), nullptr),
                                                           &std::free};
    };
    const std::string& path = options_.path;
    if (const auto found = real(path)) {
        path_ = found.get();
    } else {
        struct stat status {};
        // A symbolic link that leads nowhere is not missing.
        if (errno != ENOENT || !options_.may_be_missing || ::lstat(path.c_str(), &status) == 0)
            return Error{ExitStatus::temporary, "find " + path, errno};
        const std::size_t slash = path.rfind('/') + 1;
        const auto directory = real(path.substr(0, slash) + ".");
        if (!directory) return system_trouble("find the directory of", path);
        path_ = std::string{directory.get()} + "/" + path.substr(slash);
    }
    const std::size_t slash = path_.rfind('/');
    name_ = path_.substr(slash + 1);
    if (name_.empty() || name_ == "." || name_ == "..") return trouble(path + " names no file");
    new_name_ = name_ + ".new";
    // To shadow-utils, shadow.lock would be a lock of theirs that nobody ever lets go.
    lock_name_ = is_system() ? ".pwd.lock" : name_ + ".lock";
    directory_.reset(retried([&] {
        return ::open(path_.substr(0, slash + 1).c_str(), path_only | O_DIRECTORY | O_CLOEXEC);
    }));
    if (!directory_) return system_trouble("open the directory of", path_);
    return {};
}

Result<struct stat> CredentialFile::look() const {
    struct stat status {};
    if (retried([&] {
            return ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW);
        }) != 0)
        return system_trouble("look at", path_);
    return status;
}

// The rules that a file must keep to; its links are counted once it is open.
Result<void> CredentialFile::check(const struct stat& file) const {
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

Result<void> CredentialFile::become_owner(const struct stat& file) const {
    const auto account = find_account(file.st_uid);
    if (!account) return account.error();
    if (!*account) return become_user(file.st_uid, file.st_gid, {file.st_gid});
    const auto groups = find_groups((*account)->name, (*account)->gid);
    if (!groups) return groups.error();
    return become_user(file.st_uid, (*account)->gid, *groups);
}

Result<CredentialFile> CredentialFile::open(CredentialFileOptions options) {
    CredentialFile file;
    file.options_ = std::move(options);
    if (auto done = file.resolve(); !done) return done.error();
    struct stat owned {};
    if (const auto found = file.look()) {
        owned = *found;
        if (auto good = file.check(owned); !good) return good.error();
    } else {
        if (found.error().system_error != ENOENT || !file.options_.may_be_missing)
            return found.error();
        // A new file belongs to whom its directory belongs to.
        if (retried([&] { return ::fstat(file.directory_.get(), &owned); }) != 0)
            return system_trouble("look at the directory of", file.path_);
        if (others_write(owned))
            return trouble("the directory of " + file.path_ + " can be written by others");
    }
    if (file.options_.become_owner && ::geteuid() == 0 && owned.st_uid != 0)
        if (auto done = file.become_owner(owned); !done) return done.error();
    file.owner_ = owned.st_uid;
    return file;
}

// Nothing where there is no file and need not be one.
Result<std::optional<CredentialFile::Opened>> CredentialFile::open_file() const {
    // A file that is replaced after it was opened has no links; there is a new one to open.
    for (int tries = 0; tries < 100; ++tries) {
        Opened opened{};
        // Not blocking, should it have become a pipe.
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

Days today() {
    using Day = std::chrono::duration<Days, std::ratio<86400>>;
    return std::chrono::floor<Day>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<Found> CredentialFile::find(std::string_view login) const {
    const auto file = open_file();
    if (!file) return file.error();
    if (!*file) return Found{.format = options_.format.value_or(Format::shadow)};
    auto scan = scan_credentials((*file)->fd.get(), login, options_.format);
    if (!scan) return about(path_, scan.error());
    return std::move(scan->found);
}

// The lock goes with the descriptor.
Result<Fd> CredentialFile::lock() const {
    const std::string path = path_.substr(0, path_.size() - name_.size()) + lock_name_;
    Fd fd{retried([&] {
        return ::openat(directory_.get(), lock_name_.c_str(),
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    })};
    if (!fd) return system_trouble("open", path);
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    // Trying again and again wants neither a timer nor a handler, which the next link could inherit.
    const auto deadline = Clock::now() + longest_wait;
    while (::fcntl(fd.get(), set_lock, &whole) != 0) {
        if (errno == EINTR) continue;
        const bool held = errno == EAGAIN || errno == EACCES;
        if (!held || Clock::now() >= deadline) return system_trouble("lock", path);
        ::nanosleep(&pause_between_tries, nullptr);
    }
    return fd;
}

// Makes the new file beside the old one, complete and on the disk.
Result<void> CredentialFile::write_new(const Opened* old, const Scan& scan,
                                       const Edit& edit) const {
    const Fd file{retried([&] {
        return ::openat(directory_.get(), new_name_.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    })};
    if (!file) return system_trouble("create");
    const Splice change = splice(scan, edit);
    if (old != nullptr) {
        const int from = old->fd.get();
        if (auto done = copy_attributes(from, file.get()); !done) return done;
        if (auto done = copy_bytes(from, file.get(), 0, change.at); !done) return done;
        if (auto done = write_whole(file.get(), change.insert); !done) return done;
        if (auto done = copy_bytes(from, file.get(), change.at + change.cut, scan.size); !done)
            return done;
    } else {
        // Whatever the umask and the directory's default ACL make of a new file's mode.
        if (retried([&] { return ::fchmod(file.get(), 0600); }) != 0)
            return system_trouble("set the mode");
        if (auto done = write_whole(file.get(), change.insert); !done) return done;
    }
    if (retried([&] { return ::fsync(file.get()); }) != 0) return system_trouble("sync");
    return {};
}

// Whoever changes the file by other means takes no lock; what they wrote must not be lost.
Result<void> CredentialFile::check_unchanged(const Opened* old) const {
    const auto now = look();
    if (!now && (old != nullptr || now.error().system_error != ENOENT)) return now.error();
    if (old == nullptr ? static_cast<bool>(now) : !same_file(old->status, *now))
        return trouble(path_ + " was changed meanwhile by another program");
    return {};
}

Result<Change> CredentialFile::change(std::string_view login, const Editor& editor) const {
    // Now, while nothing has been done: afterwards it must be there to be synced.
    const Fd directory{retried([&] {
        return ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    })};
    if (!directory) return system_trouble("open the directory of", path_);
    const auto locked = lock();
    if (!locked) return locked.error();
    const SignalsHeld held;
    const auto remove_new = [&] {
        return retried([&] { return ::unlinkat(directory.get(), new_name_.c_str(), 0); });
    };
    // Left over by a change that was killed.
    if (remove_new() != 0 && errno != ENOENT) return system_trouble("remove", path_ + ".new");

    const auto file = open_file();
    if (!file) return file.error();
    const Opened* const old = *file ? &**file : nullptr;
    Scan scan;
    scan.found.format = options_.format.value_or(Format::shadow);
    if (old != nullptr) {
        auto scanned = scan_credentials(old->fd.get(), login, options_.format);
        if (!scanned) return about(path_, scanned.error());
        scan = std::move(*scanned);
    }
    const auto edit = editor(scan.found);
    if (!edit) return edit.error();
    if (edit->what == Edit::What::keep) return Change::none;

    auto done = write_new(old, scan, *edit);
    if (!done) done = about(path_ + ".new", done.error());
    if (done) done = check_unchanged(old);
    if (done && retried([&] {
            return ::renameat(directory.get(), new_name_.c_str(), directory.get(), name_.c_str());
        }) != 0)
        done = system_trouble("replace", path_);
    if (!done) {
        (void)remove_new();
        return done.error();
    }
    // On the disk the new name may still be the old file.
    if (retried([&] { return ::fsync(directory.get()); }) != 0) return Change::unsynced;
    return Change::made;
}

} // namespace poppass
