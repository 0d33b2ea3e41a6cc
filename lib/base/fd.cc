#include "base/fd.hh"

#include <fcntl.h>
#include <unistd.h>

namespace poppass {

namespace {

int most_descriptors() {
    const long limit = ::sysconf(_SC_OPEN_MAX);
    return limit > 0 ? static_cast<int>(limit) : 1024;
}

} // namespace

void Fd::reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_trouble("make a pipe");
    return Pipe{Fd{ends[0]}, Fd{ends[1]}};
}

Result<std::size_t> read_whole(int fd, std::span<char> into) {
    std::size_t got = 0;
    while (got < into.size()) {
        const auto n = retried([&] { return ::read(fd, into.data() + got, into.size() - got); });
        if (n < 0) return system_trouble("read");
        if (n == 0) break;
        got += static_cast<std::size_t>(n);
    }
    return got;
}

Result<void> write_whole(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = retried([&] { return ::write(fd, bytes.data(), bytes.size()); });
        if (n < 0) return system_trouble("write");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Result<void> open_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        // The lowest free number is the one that was found closed.
        if (retried([] { return ::open("/dev/null", O_RDWR); }) != fd)
            return system_trouble("open", "/dev/null");
    }
    return {};
}

void close_from(int first) {
#ifdef HAVE_CLOSE_RANGE
    if (::close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return;
#endif
    for (int fd = first; fd < most_descriptors(); ++fd) ::close(fd);
}

void keep_from_programs(int first) {
#if defined(HAVE_CLOSE_RANGE) && defined(CLOSE_RANGE_CLOEXEC)
    if (::close_range(static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
#endif
    for (int fd = first; fd < most_descriptors(); ++fd) (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

} // namespace poppass
