#include "sqlite/file.hh"

#include "base/file_mode.hh"

#include <ctime>
#include <poll.h>

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

Result<void> SqliteFile::check() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) return system_trouble("look at", path_);
    if (!S_ISREG(status.st_mode)) return trouble(path_ + " is no regular file");
    return {};
}

bool SqliteFile::only_root_writes() const {
    struct stat status {};
    return ::stat(path_.c_str(), &status) == 0 && status.st_uid == 0 && !others_write(status);
}

bool SqliteFile::has_log() const {
    for (const char* const suffix : {"-wal", "-journal"}) {
        struct stat status {};
        if (::stat((path_ + suffix).c_str(), &status) == 0 || errno != ENOENT) return true;
    }
    return false;
}

std::optional<SqliteFile::Snapshot> SqliteFile::still(Clock::time_point deadline) const {
    while (Clock::now() < deadline && !has_log()) {
        struct stat status {};
        if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
        if (is_old(status.st_mtim))
            return Snapshot{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
        constexpr int pause = 10;
        ::poll(nullptr, 0, pause);
    }
    return std::nullopt;
}

bool SqliteFile::is_still(const Snapshot& snapshot) const {
    struct stat status {};
    return ::stat(path_.c_str(), &status) == 0 && status.st_dev == snapshot.device &&
           status.st_ino == snapshot.inode && status.st_size == snapshot.size &&
           same_time(status.st_mtim, snapshot.changed) && !has_log();
}

void SqliteFile::look_over(Report& report) const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) return report.fail(path_, "it cannot be looked at");
    if ((status.st_mode & S_IWOTH) != 0)
        report.fail(path_, "everybody can write it: chmod o-w");
    else if ((status.st_mode & S_IROTH) != 0)
        report.warn(path_, "everybody can read the hashes in it: chmod o-r");
    else
        report.ok(path_, "only its owner and its group can read or write it");
}

} // namespace poppass
