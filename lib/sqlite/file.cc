#include "sqlite/file.hh"

#include "base/file_mode.hh"
#include "process/path_walk.hh"

#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace poppass {

namespace {

bool same_time(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// The times of files advance with the kernel's clock tick.
bool is_old(const timespec& changed) {
    constexpr long tick = 100'000'000;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - changed.tv_sec) * 1'000'000'000 + now.tv_nsec - changed.tv_nsec > tick;
}

} // namespace

Result<SqliteFile> SqliteFile::find(const std::string& path) {
    auto walked = walk_path(path);
    if (!walked) return walked.error();
    if (walked->missing) return Error{ExitStatus::temporary, "find " + walked->path, ENOENT};
    SqliteFile file;
    file.path_ = std::move(walked->path);
    file.status_ = walked->status;
    if (!S_ISREG(file.status_.st_mode)) return trouble(file.path_ + " is no regular file");
    if ((file.status_.st_mode & S_IWOTH) != 0)
        return trouble(file.path_ + " can be written by everybody: chmod o-w " + file.path_);
    auto owner = FileOwner::find(file.status_);
    if (!owner) return owner.error();
    file.owner_ = std::move(*owner);
    return file;
}

Result<void> SqliteFile::check_beside() const {
    for (const char* const suffix : {"-journal", "-wal", "-shm"}) {
        const std::string path = path_ + suffix;
        struct stat status {};
        if (::lstat(path.c_str(), &status) != 0) {
            if (errno == ENOENT) continue;
            return system_trouble("look at", path);
        }
        if (!S_ISREG(status.st_mode)) return trouble(path + " is no regular file: remove it");
        if (owner_.uid() != 0) continue;
        if (status.st_uid != 0)
            return trouble(path + " belongs to uid " + std::to_string(status.st_uid) +
                           ", and the database to root: chown root " + path);
        if (others_write(status))
            return trouble(path +
                           " is beside a database of root's, and others can write it: "
                           "chmod go-w " +
                           path_ + " " + path);
    }
    return {};
}

std::string SqliteFile::uri(std::string_view query) const {
    std::string uri = "file:";
    for (const char c : path_) {
        if (c == '%' || c == '?' || c == '#') {
            constexpr std::string_view hex = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            uri.append({'%', hex[byte >> 4u], hex[byte & 15u]});
        } else {
            uri += c;
        }
    }
    return uri.append(query);
}

SqlConnection::Writers SqliteFile::writers() const { return {owner_.uid(), others_write(status_)}; }

bool SqliteFile::is(const SqliteFile& other) const {
    return status_.st_dev == other.status_.st_dev && status_.st_ino == other.status_.st_ino &&
           owner_.uid() == other.owner_.uid();
}

bool SqliteFile::has_log() const {
    for (const char* const suffix : {"-wal", "-journal"}) {
        struct stat status {};
        if (::lstat((path_ + suffix).c_str(), &status) == 0 || errno != ENOENT) return true;
    }
    return false;
}

std::optional<SqliteFile::Snapshot> SqliteFile::still(Clock::time_point deadline) const {
    while (Clock::now() < deadline && !has_log()) {
        struct stat status {};
        if (::lstat(path_.c_str(), &status) != 0) return std::nullopt;
        if (is_old(status.st_mtim))
            return Snapshot{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
        constexpr int pause = 10;
        ::poll(nullptr, 0, pause);
    }
    return std::nullopt;
}

bool SqliteFile::is_still(const Snapshot& snapshot) const {
    struct stat status {};
    return ::lstat(path_.c_str(), &status) == 0 && status.st_dev == snapshot.device &&
           status.st_ino == snapshot.inode && status.st_size == snapshot.size &&
           same_time(status.st_mtim, snapshot.changed) && !has_log();
}

void SqliteFile::look_over(SqlPurpose purpose, Report& report) const {
    if ((status_.st_mode & S_IROTH) != 0)
        report.warn(path_,
                    "everybody can read the hashes in it, and can stop changes by holding it "
                    "locked: chmod o-r");
    else
        report.ok(path_, "only its owner and its group can read it");
    if (others_write(status_))
        report.warn(path_, "its group can write it, so that native chains take no ids from it: "
                           "chmod g-w");
    const std::string directory = path_.substr(0, path_.rfind('/') + 1);
    if (purpose == SqlPurpose::change &&
        (::faccessat(AT_FDCWD, path_.c_str(), W_OK, AT_EACCESS) != 0 ||
         ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0))
        report.fail(path_, "no change can be made: uid " + std::to_string(::geteuid()) +
                               " must be able to write it, and to make files in " + directory);
}

} // namespace poppass
