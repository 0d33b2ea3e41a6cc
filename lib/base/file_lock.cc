#include "base/file_lock.hh"

#include "base/clock.hh"

#include <fcntl.h>

namespace poppass {

namespace {

constexpr timespec pause_between_tries{0, 1'000'000};

#ifdef POPPASS_LINUX
constexpr int set_lock = F_OFD_SETLK;
#else
constexpr int set_lock = F_SETLK;
#endif

} // namespace

Result<void> lock_file(int fd, std::string_view path, std::chrono::milliseconds limit) {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    // This tries again and again because a timer or a handler could be inherited by the next link.
    const auto deadline = Clock::now() + limit;
    while (::fcntl(fd, set_lock, &whole) != 0) {
        if (errno == EINTR) continue;
        const bool held = errno == EAGAIN || errno == EACCES;
        if (!held || Clock::now() >= deadline) return system_trouble("lock", path);
        ::nanosleep(&pause_between_tries, nullptr);
    }
    return {};
}

} // namespace poppass
