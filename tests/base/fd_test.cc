#include "base/fd.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace poppass;
using namespace poppass::test;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

int open_null() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }

std::string target(int fd) {
    char path[256];
    const auto n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    return {path, n > 0 ? static_cast<std::size_t>(n) : 0};
}

} // namespace

TEST_CASE("Fd owns none, then one, and closes it") {
    CHECK_FALSE(Fd{});
    CHECK(Fd{}.get() == -1);
    int number = -1;
    {
        const Fd fd{open_null()};
        number = fd.get();
        CHECK(fd);
        CHECK(is_open(number));
    }
    CHECK_FALSE(is_open(number));
}

TEST_CASE("Fd: zero is a descriptor") {
    Fd fd{0};
    CHECK(fd);
    CHECK(fd.release() == 0);
    CHECK_FALSE(fd);
    CHECK(is_open(0));
}

TEST_CASE("Fd: moving leaves nothing behind and closes what was there") {
    Fd first{open_null()};
    const int number = first.get();
    Fd second{std::move(first)};
    CHECK_FALSE(first);
    CHECK(second.get() == number);
    Fd third{open_null()};
    const int replaced = third.get();
    third = std::move(second);
    CHECK(third.get() == number);
    CHECK_FALSE(is_open(replaced));
    CHECK(is_open(number));
    Fd& same = third;
    third = std::move(same);
    CHECK(is_open(number));
    third.reset();
    CHECK_FALSE(third);
    CHECK_FALSE(is_open(number));
}

TEST_CASE(
    "make_pipe: both ends are close-on-exec, and what is written to one is read from the other") {
    auto pipe = make_pipe();
    REQUIRE(pipe);
    CHECK(::fcntl(pipe->read_end.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(pipe->write_end.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(write_whole(pipe->write_end.get(), bytes("a\0b")));
    pipe->write_end.reset();
    char room[8];
    const auto got = read_whole(pipe->read_end.get(), room);
    REQUIRE(got);
    CHECK(std::string{room, *got} == bytes("a\0b"));
}

TEST_CASE("make_pipe: no descriptors left is an error with its errno") {
    const int status = in_child([] {
        const rlimit few{3, 3};
        ::setrlimit(RLIMIT_NOFILE, &few);
        const auto pipe = make_pipe();
        return !pipe && pipe.error().system_error == EMFILE &&
                       pipe.error().status == ExitStatus::temporary
                   ? 0
                   : 1;
    });
    CHECK(status == 0);
}

TEST_CASE("read_whole: puts pieces together, stops when full, reports errors") {
    auto pipe = make_pipe();
    REQUIRE(pipe);
    SUBCASE("pieces") {
        std::thread writer{[&] {
            for (int i = 0; i < 100; ++i)
                if (!write_whole(pipe->write_end.get(), "x")) break;
            pipe->write_end.reset();
        }};
        char room[200];
        const auto got = read_whole(pipe->read_end.get(), room);
        writer.join();
        REQUIRE(got);
        CHECK(*got == 100);
    }
    SUBCASE("full: the rest stays, and nobody waits for the end") {
        REQUIRE(write_whole(pipe->write_end.get(), "abcdef"));
        char room[4];
        CHECK(*read_whole(pipe->read_end.get(), room) == 4);
        CHECK(*read_whole(pipe->read_end.get(), std::span{room, 2}) == 2);
        CHECK(room[0] == 'e');
        CHECK(*read_whole(pipe->read_end.get(), std::span{room, 0}) == 0);
    }
    SUBCASE("closed, a directory, and a write end") {
        char room[4];
        CHECK(read_whole(-1, room).error().system_error == EBADF);
        const Fd directory{::open("/", O_RDONLY | O_CLOEXEC)};
        CHECK(read_whole(directory.get(), room).error().system_error == EISDIR);
        CHECK(read_whole(pipe->write_end.get(), room).error().system_error == EBADF);
    }
}

TEST_CASE("read_whole and write_whole go on after a signal") {
    struct sigaction act {};
    struct sigaction before {};
    act.sa_handler = [](int) {}; // no SA_RESTART: calls are interrupted
    ::sigaction(SIGALRM, &act, &before);
    auto pipe = make_pipe();
    REQUIRE(pipe);
    // More than the pipe holds, so that the writer waits; a signal every 200 microseconds until
    // then.
    constexpr std::size_t size = 1'000'000;
    const pid_t reader = ::fork();
    if (reader == 0) {
        pipe->write_end.reset();
        const itimerval often{{0, 200}, {0, 200}};
        ::setitimer(ITIMER_REAL, &often, nullptr);
        std::vector<char> room(size + 1);
        const auto got = read_whole(pipe->read_end.get(), room);
        ::_exit(got && *got == size ? 0 : 1);
    }
    const itimerval often{{0, 200}, {0, 200}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    const bool written =
        static_cast<bool>(write_whole(pipe->write_end.get(), std::string(size, 'x')));
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    pipe->write_end.reset();
    int status = -1;
    ::waitpid(reader, &status, 0);
    CHECK(written);
    CHECK(status == 0);
}

TEST_CASE("write_whole: writes nothing where there is nothing, and errors have their errno") {
    auto pipe = make_pipe();
    REQUIRE(pipe);
    CHECK(write_whole(pipe->write_end.get(), ""));
    CHECK(write_whole(-1, "")); // no byte, no call
    CHECK(write_whole(-1, "x").error().system_error == EBADF);
    pipe->read_end.reset();
    CHECK(write_whole(pipe->write_end.get(), "x").error().system_error == EPIPE);
    const Fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    CHECK(write_whole(full.get(), "x").error().system_error == ENOSPC);
}

TEST_CASE("open_standard_descriptors: every combination of closed ones becomes /dev/null") {
    for (int mask = 0; mask < 8; ++mask) {
        CAPTURE(mask);
        const int status = in_child([mask] {
            const Fd file{::open("/proc/self/status", O_RDONLY)};
            for (const int fd : {0, 1, 2}) ::dup2(file.get(), fd);
            for (const int fd : {0, 1, 2})
                if ((mask >> fd & 1) != 0) ::close(fd);
            if (!open_standard_descriptors()) return 1;
            for (const int fd : {0, 1, 2}) {
                const bool null = target(fd) == "/dev/null";
                if (null != ((mask >> fd & 1) != 0)) return 2 + fd;
                // It must outlive an exec.
                if (null && ::fcntl(fd, F_GETFD) != 0) return 5 + fd;
                if (null && (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) return 8 + fd;
            }
            return 0;
        });
        CHECK(status == 0);
    }
}

TEST_CASE("close_from: closes every descriptor from that number up, and none below it") {
    const int status = in_child([] {
        for (const int fd : {5, 6, 7, 100, 900}) ::dup2(0, fd);
        close_from(6);
        if (!is_open(5)) return 1;
        for (int fd = 6; fd < 1024; ++fd)
            if (is_open(fd)) return 2;
        return 0;
    });
    CHECK(status == 0);
}
