#include "throttle/throttle_state.hh"

#include "base/file_lock.hh"
#include "process/path_walk.hh"

#include <cstddef>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr char file_name[] = "state";
// It has the version of the format. A file of another version is made anew.
constexpr std::string_view magic{"poppass guard 3\n", 16};
constexpr std::chrono::seconds longest_lock_wait{1};

struct stat status_of(int fd) {
    struct stat status {};
    ::fstat(fd, &status); // cannot fail on an open descriptor
    return status;
}

// Root's directory is no place for the counts of another account, who could not write there.
Result<SafeDirectory> find_place(const std::string& path) {
    auto place = find_safe_directory(path);
    const std::string us = std::to_string(::geteuid());
    if (place && place->directory && place->status.st_uid != ::geteuid())
        return trouble(place->path + " belongs to root, and not to uid " + us + ": chown " + us +
                       ", or name another one");
    return place;
}

Result<Fd> open_directory(const std::string& path) {
    auto place = find_place(path);
    if (!place) return place.error();
    if (!place->directory) {
        // Another process may have made it first.
        if (::mkdirat(place->parent.get(), place->name.c_str(), 0700) != 0 && errno != EEXIST)
            return system_trouble("make the directory", place->path);
        place = find_place(path);
        if (!place) return place.error();
    }
    if (!place->directory) return trouble(place->path + " is removed all the time");
    return std::move(place->directory);
}

// Whether only we can read and write the file, and it has no other name.
bool is_ours(const struct stat& file) {
    return S_ISREG(file.st_mode) && file.st_uid == ::geteuid() && file.st_nlink == 1 &&
           (file.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

// Opens the file in `directory`, which must be ours, and locks it. Does not look at its content
// yet.
Result<Fd> open_locked(int directory, const std::string& path) {
    for (int tries = 0; tries < 100; ++tries) {
        Fd fd{retried([&] {
            return ::openat(directory, file_name,
                            O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                            0600);
        })};
        if (!fd && errno != ELOOP && errno != ENXIO) return system_trouble("open", path);
        if (!fd || !is_ours(status_of(fd.get()))) {
            if (::unlinkat(directory, file_name, 0) != 0 && errno != ENOENT)
                return system_trouble("remove", path);
            continue;
        }
        if (auto done = lock_file(fd.get(), path, longest_lock_wait); !done) return done.error();
        // The file may have been removed while we waited.
        struct stat named {};
        const auto opened = status_of(fd.get());
        if (::fstatat(directory, file_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            named.st_dev == opened.st_dev && named.st_ino == opened.st_ino)
            return fd;
    }
    return trouble(path + " is replaced all the time");
}

bool is_whole(int fd) {
    std::array<char, magic.size()> start{};
    return status_of(fd).st_size == off_t{sizeof(ThrottleFile)} &&
           retried([&] { return ::pread(fd, start.data(), start.size(), 0); }) == magic.size() &&
           std::string_view{start.data(), start.size()} == magic;
}

// Writes the file in place, under the lock. The magic comes last: after a crash it is missing, and
// the file is made anew again.
Result<void> make_anew(int fd, const std::string& path) {
    SipKey key;
    if (::getentropy(key.data(), sizeof key) != 0) return system_trouble("get random bytes");
    if (::ftruncate(fd, 0) != 0) return system_trouble("empty", path);
    // Allocates all of it now, because a full disk would kill us when we first write to a page.
    // Some file systems cannot promise that.
    const int error = ::posix_fallocate(fd, 0, sizeof(ThrottleFile));
    if (error != 0 && error != EINVAL && error != EOPNOTSUPP)
        return Error{ExitStatus::temporary, "make room for " + path, error};
    if (::ftruncate(fd, sizeof(ThrottleFile)) != 0) return system_trouble("make room for", path);
    if (::pwrite(fd, key.data(), sizeof key, offsetof(ThrottleFile, key)) != sizeof key ||
        ::pwrite(fd, magic.data(), magic.size(), 0) != magic.size())
        return system_trouble("write", path);
    return {};
}

} // namespace

void ThrottleState::Unmap::operator()(ThrottleFile* file) const {
    ::munmap(file, sizeof(ThrottleFile));
}

Seconds ThrottleState::now() const { return static_cast<Seconds>(std::time(nullptr)); }

Result<ThrottleState> ThrottleState::open(const std::string& directory) {
    const auto within = open_directory(directory);
    if (!within) return within.error();
    const std::string path = directory + "/" + file_name;
    auto fd = open_locked(within->get(), path);
    if (!fd) return fd.error();
    if (!is_whole(fd->get()))
        if (auto done = make_anew(fd->get(), path); !done) return done.error();
    void* const pages =
        ::mmap(nullptr, sizeof(ThrottleFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
    if (pages == MAP_FAILED) return system_trouble("map", path);
    return ThrottleState{std::move(*fd), Mapping{static_cast<ThrottleFile*>(pages)}};
}

void look_over_state(const std::string& directory, Report& report) {
    const auto place = find_place(directory);
    if (!place) return report.fail(directory, place.error().message());
    if (!place->directory) return report.ok(directory, "the first attempt makes it");
    const std::string path = directory + "/" + file_name;
    constexpr const char* anew = ", so the next attempt makes it anew, without its counts: "
                                 "remove it";
    const Fd fd{retried([&] {
        return ::openat(place->directory.get(), file_name,
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    })};
    if (!fd && errno == ENOENT)
        report.ok(directory, "has no counts yet");
    else if (!fd || !is_ours(status_of(fd.get())))
        report.warn(path, std::string{"is not ours alone"} + anew);
    else if (!is_whole(fd.get()))
        report.warn(path, std::string{"has another form"} + anew);
    else
        report.ok(directory, "has the guard's counts");
}

} // namespace poppass
