#include "base/file_lock.hh"

#include "base/fd.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <thread>

using namespace poppass;
using namespace poppass::test;
using Clock = std::chrono::steady_clock;

namespace {

Fd open_file(const std::string& path) {
    return Fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
}

} // namespace

TEST_CASE("a lock that somebody else holds is waited for, up to the limit") {
    const TemporaryDirectory directory;
    const auto path = directory.file("lock");
    const Fd holder = open_file(path), other = open_file(path);
    REQUIRE(lock_file(holder.get(), path, milliseconds{0}));
    const auto before = Clock::now();
    const auto locked = lock_file(other.get(), path, milliseconds{100});
    CHECK(Clock::now() - before >= milliseconds{100});
    REQUIRE_FALSE(locked);
    CHECK(locked.error().status == ExitStatus::temporary);
    CHECK(locked.error().message().starts_with("lock " + path + ": "));
}

TEST_CASE("the lock is taken when its holder closes the file") {
    const TemporaryDirectory directory;
    const auto path = directory.file("lock");
    Fd holder = open_file(path);
    const Fd other = open_file(path);
    REQUIRE(lock_file(holder.get(), path, milliseconds{0}));
    std::thread closer{[&] {
        std::this_thread::sleep_for(milliseconds{50});
        holder.reset();
    }};
    const auto locked = lock_file(other.get(), path, milliseconds{60'000});
    closer.join();
    CHECK(locked);
}

TEST_CASE("a file that cannot be locked is trouble at once") {
    const auto locked = lock_file(-1, "some file", milliseconds{1'000'000});
    REQUIRE_FALSE(locked);
    CHECK(locked.error().status == ExitStatus::temporary);
    CHECK(locked.error().message().starts_with("lock some file: "));
}
