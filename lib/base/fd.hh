// Fd: a descriptor with one owner; and functions that read or write everything they are asked to.
#pragma once

#include "base/result.hh"

#include <cstddef>
#include <span>
#include <string_view>

namespace poppass {

// Owns a descriptor, or none (-1), and closes it on destruction. A close that fails is not
// reported: who writes to a disk calls fsync before.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }
    void reset(int fd = -1);

private:
    int fd_ = -1;
};

// Repeats a system call that a signal interrupted; returns what the call returned.
template <class Call> auto retried(Call call) {
    for (;;) {
        auto answer = call();
        if (answer != -1 || errno != EINTR) return answer;
    }
}

struct Pipe {
    Fd read_end;
    Fd write_end;
};

// A pipe, both ends close-on-exec.
Result<Pipe> make_pipe();

// Reads until end of file or until `into` is full; returns how many bytes it read.
Result<std::size_t> read_whole(int fd, std::span<char> into);

// Writes all of `bytes`.
Result<void> write_whole(int fd, std::string_view bytes);

// Opens /dev/null on whichever of descriptors 0, 1 and 2 is closed, so that no file opened later
// takes its place. Every program calls it first.
Result<void> open_standard_descriptors();

// Closes every descriptor from `first` up.
void close_from(int first);

// Makes every descriptor from `first` up close-on-exec.
void keep_from_programs(int first);

} // namespace poppass
