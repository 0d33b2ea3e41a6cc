#include "base/network.hh"

#include "base/fd.hh"

#include <cerrno>
#include <doctest/doctest.h>
#include <poll.h>

using namespace poppass;

TEST_CASE("a descriptor is waited for until the deadline, and is not ready after it") {
    const auto pipe = make_pipe();
    REQUIRE(pipe);
    const int end = pipe->read_end.get();
    const auto soon = [] { return Clock::now() + std::chrono::milliseconds{50}; };
    CHECK_FALSE(wait_for(end, POLLIN, soon()));
    CHECK(errno == ETIMEDOUT);
    REQUIRE(write_whole(pipe->write_end.get(), "x"));
    CHECK(wait_for(end, POLLIN, soon()));
    errno = 0;
    CHECK_FALSE(wait_for(end, POLLIN, Clock::now()));
    CHECK(errno == ETIMEDOUT);
}
