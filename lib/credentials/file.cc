#include "credentials/file.hh"

#include "base/file_lock.hh"
#include "base/file_mode.hh"
#include "base/lines.hh"
#include "base/signals.hh"
#include "credentials/attributes.hh"

#include <algorithm>
#include <array>
#include <bit>
#include <ctime>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace poppass {

namespace {

using Opened = LocatedFile::Opened;

// Blocks ALRM, TERM, INT and HUP while it exists. After keep() they stay blocked, so that a change
// is reported before the process ends. It also ignores SIGXFSZ: above a limit of file size the
// write call then fails, and the process goes on.
class SignalsHeld {
public:
    SignalsHeld() {
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGXFSZ, &ignore, &over_size_);
    }
    SignalsHeld(const SignalsHeld&) = delete;
    SignalsHeld& operator=(const SignalsHeld&) = delete;
    ~SignalsHeld() {
        ::sigaction(SIGXFSZ, &over_size_, nullptr);
        if (!kept_) ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }
    void keep() { kept_ = true; }

private:
    sigset_t mask_ = hold_signals();
    struct sigaction over_size_ {};
    bool kept_ = false;
};

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

// Starts writing to the disk while the rest is copied. The fsync at the end writes what is left,
// and reports errors.
void begin_writeback([[maybe_unused]] int fd) {
#ifdef POPPASS_LINUX
    (void)::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
}

// Copies [from, to) of one file to the end of another.
Result<void> copy_bytes(int old_file, int new_file, off_t from, off_t to) {
    constexpr off_t block_size = 65536;
    constexpr off_t batch_size = 4'194'304;
#ifdef POPPASS_LINUX
    // The kernel copies, if the file system can. The loop below copies what is left.
    while (from < to) {
        const auto wanted = static_cast<std::size_t>(std::min(batch_size, to - from));
        if (retried([&] {
                return ::copy_file_range(old_file, &from, new_file, nullptr, wanted, 0);
            }) <= 0)
            break;
        begin_writeback(new_file);
    }
#endif
    const std::unique_ptr<char[]> block{new char[block_size]};
    while (from < to) {
        const auto wanted = static_cast<std::size_t>(std::min(block_size, to - from));
        const auto got = retried([&] { return ::pread(old_file, block.get(), wanted, from); });
        if (got < 0) return system_trouble("read");
        if (got == 0) return trouble("read: it became shorter");
        if (auto done = write_whole(new_file, {block.get(), static_cast<std::size_t>(got)}); !done)
            return done;
        from += got;
        if (from / batch_size != (from - got) / batch_size) begin_writeback(new_file);
    }
    return {};
}

// The key is the beginning of the lock file. Nothing if that is shorter.
Result<std::optional<SipKey>> read_key(int lock, const std::string& path) {
    std::array<char, sizeof(SipKey)> bytes;
    const auto got = read_whole(lock, bytes);
    if (!got) return about(path, got.error());
    return *got == bytes.size() ? std::optional{std::bit_cast<SipKey>(bytes)} : std::nullopt;
}

// With another key, logins would get other dummy hashes, and users would not. So the key is
// written once, and synced.
Result<void> make_key(int lock, const std::string& path) {
    const auto present = read_key(lock, path);
    if (!present) return present.error();
    if (*present) return {};
    SipKey key;
    if (::getentropy(key.data(), sizeof key) != 0) return system_trouble("get random bytes");
    if (retried([&] { return ::pwrite(lock, key.data(), sizeof key, 0); }) != sizeof key ||
        retried([&] { return ::fsync(lock); }) != 0)
        return system_trouble("write", path);
    return {};
}

// Dovecot reads a passwd-file again only if its size or its time in whole seconds has changed, and
// a new hash often has the size of the old one. So each change is at least a second later than the
// one before. A time that is far in the future differs in any case.
Result<void> set_later(int fd, const struct stat& old) {
    constexpr std::time_t far = 3600;
    struct stat status {};
    if (retried([&] { return ::fstat(fd, &status); }) != 0) return system_trouble("look at");
    const std::time_t before = old.st_mtim.tv_sec, now = status.st_mtim.tv_sec;
    if (before < now || before > now + far) return {};
    const timespec times[] = {{0, UTIME_OMIT}, {before + 1, 0}};
    if (retried([&] { return ::futimens(fd, times); }) != 0) return system_trouble("set the time");
    return {};
}

} // namespace

Days today() { return static_cast<Days>(std::time(nullptr) / 86400); }

Result<CredentialFile> CredentialFile::open(const CredentialFileOptions& options) {
    auto file = LocatedFile::find(options.path, options.may_be_missing);
    if (!file) return file.error();
    return CredentialFile{std::move(*file), options};
}

CredentialFile::CredentialFile(LocatedFile file, const CredentialFileOptions& options)
    : file_(std::move(file)), told_(options.format), lock_wait_(options.lock_wait),
      new_name_(file_.name() + ".new"),
      // shadow-utils would take shadow.lock for a lock of their own which nobody releases.
      lock_name_(is_system() ? ".pwd.lock" : file_.name() + ".lock") {}

Result<Scan> CredentialFile::scan(const Opened* opened, std::string_view login,
                                  DummyHashes* dummies) const {
    if (opened == nullptr) return Scan{.found = {.format = told_.value_or(Format::shadow)}};
    auto scanned = scan_credentials(opened->fd.get(), login, told_, dummies);
    if (!scanned) return about(path(), scanned.error());
    return scanned;
}

Result<void> CredentialFile::check_rights() const {
    const auto as_owner = file_.as_owner();
    if (!as_owner) return as_owner.error();
    return file_.check_rights();
}

Result<Found> CredentialFile::find(std::string_view login) const {
    const auto as_owner = file_.as_owner();
    if (!as_owner) return as_owner.error();
    const auto opened = file_.open();
    if (!opened) return opened.error();
    DummyHashes dummies;
    auto scanned = scan(*opened ? &**opened : nullptr, login, &dummies);
    if (!scanned) return scanned.error();
    const auto chosen_by = dummies.mixed() ? key() : std::optional<SipKey>{};
    if (!chosen_by) return chosen_by.error();
    scanned->found.dummy = dummies.choose(*chosen_by, login);
    scanned->found.others_write = *opened && others_write((*opened)->status);
    return std::move(scanned->found);
}

Result<void> CredentialFile::each(
    const std::function<void(std::size_t, std::string_view, const std::optional<Entry>&)>& take)
    const {
    const auto as_owner = file_.as_owner();
    if (!as_owner) return as_owner.error();
    const auto opened = file_.open();
    if (!opened) return opened.error();
    if (!*opened) return {};
    // The format is known only after all lines were read.
    const auto scanned = scan(&**opened, {});
    if (!scanned) return scanned.error();
    const int fd = (*opened)->fd.get();
    if (::lseek(fd, 0, SEEK_SET) != 0) return system_trouble("read again", path());
    std::size_t number = 0;
    const auto read = each_line(fd, longest_line, [&](std::string_view line, bool) {
        ++number;
        if (!line.empty() && line.front() != '#')
            take(number, line, parse_entry(line, scanned->found.format));
        return true;
    });
    return read ? read : about(path(), read.error());
}

std::string CredentialFile::lock_path() const {
    return path().substr(0, path().size() - file_.name().size()) + lock_name_;
}

// Does not lock, and is not called under the lock: other systems than Linux release a lock with any
// descriptor of the file.
Result<std::optional<SipKey>> CredentialFile::key() const {
    if (is_system()) return std::optional<SipKey>{};
    const Fd fd{retried([&] {
        return ::openat(file_.directory(), lock_name_.c_str(),
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    })};
    if (!fd && (errno == ENOENT || errno == EACCES)) return std::optional<SipKey>{};
    if (!fd) return system_trouble("open", lock_path());
    return read_key(fd.get(), lock_path());
}

// The lock ends when the descriptor is closed.
Result<Fd> CredentialFile::lock() const {
    Fd fd{retried([&] {
        return ::openat(file_.directory(), lock_name_.c_str(),
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    })};
    if (!fd) return system_trouble("open", lock_path());
    if (auto done = lock_file(fd.get(), lock_path(), lock_wait_); !done) return done.error();
    return fd;
}

// Writes the complete new file beside the old one, and syncs it.
Result<void> CredentialFile::write_new(const Opened* old, const Scan& scan,
                                       const Edit& edit) const {
    const Fd file{retried([&] {
        return ::openat(file_.directory(), new_name_.c_str(),
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
        if (auto done = set_later(file.get(), old->status); !done) return done;
    } else {
        // The umask or a default ACL of the directory may have changed the mode.
        if (retried([&] { return ::fchmod(file.get(), 0600); }) != 0)
            return system_trouble("set the mode");
        if (auto done = write_whole(file.get(), change.insert); !done) return done;
    }
    if (retried([&] { return ::fsync(file.get()); }) != 0) return system_trouble("sync");
    return {};
}

Result<Change> CredentialFile::change(std::string_view login, const Editor& editor) const {
    const auto as_owner = file_.as_owner();
    if (!as_owner) return as_owner.error();
    // Opened before anything is done: after the rename it is needed for the sync, and must not
    // fail.
    const Fd directory{retried(
        [&] { return ::openat(file_.directory(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
    if (!directory) return system_trouble("open the directory of", path());
    const auto locked = lock();
    if (!locked) return locked.error();
    SignalsHeld held;
    if (!is_system())
        if (auto made = make_key(locked->get(), lock_path()); !made) return made.error();
    const auto remove_new = [&] {
        return retried([&] { return ::unlinkat(directory.get(), new_name_.c_str(), 0); });
    };
    // A change that was killed may have left one.
    if (remove_new() != 0 && errno != ENOENT) return system_trouble("remove", path() + ".new");

    const auto opened = file_.open();
    if (!opened) return opened.error();
    const Opened* const old = *opened ? &**opened : nullptr;
    const auto scanned = scan(old, login);
    if (!scanned) return scanned.error();
    const auto edit = editor(scanned->found);
    if (!edit) return edit.error();
    if (edit->what == Edit::What::keep) return Change::none;
    // With such a line in the file every look-up would be trouble.
    if (edit->line.size() >= longest_line)
        return about(path(), trouble("the new line is longer than 64 kB"));

    auto done = write_new(old, *scanned, *edit);
    if (!done) done = about(path() + ".new", done.error());
    // Compare and set: other programs may change the file without our lock. What they wrote by now
    // must not be lost.
    if (done) done = file_.check_unchanged(old);
    if (done && retried([&] {
                    return ::renameat(directory.get(), new_name_.c_str(), directory.get(),
                                      file_.name().c_str());
                }) != 0)
        done = system_trouble("replace", path());
    if (!done) {
        (void)remove_new();
        return done.error();
    }
    held.keep();
    // On the disk the name may still belong to the old file.
    if (retried([&] { return ::fsync(directory.get()); }) != 0) return Change::unsynced;
    return Change::made;
}

} // namespace poppass
