#include "process/path_walk.hh"

#include "base/fd.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

using namespace poppass;
using namespace poppass::test;

namespace {

// Below `directory`: many nested directories that one symbolic link walks through, and such a
// link in the last of them, `links` times. Returns the path of the first link.
std::string make_maze(const std::string& directory, int links) {
    std::string target;
    while (target.size() < 3000) target += "d/";
    target += "l";
    Fd here{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    for (int link = 0; link < links; ++link) {
        REQUIRE(::symlinkat(target.c_str(), here.get(), "l") == 0);
        for (std::size_t at = 0; at + 1 < target.size(); at += 2) {
            REQUIRE(::mkdirat(here.get(), "d", 0700) == 0);
            here = Fd{::openat(here.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        }
    }
    REQUIRE(::close(::openat(here.get(), "l", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) == 0);
    return directory + "/l";
}

} // namespace

TEST_CASE("a path that is longer than paths may be is not walked to its end") {
    const TemporaryDirectory directory;
    REQUIRE(follow_path(make_maze(directory.path(), 1)));
    const TemporaryDirectory other;
    const auto walked = follow_path(make_maze(other.path(), 2));
    REQUIRE_FALSE(walked);
    CHECK(walked.error().status == ExitStatus::temporary);
    CHECK(walked.error().system_error == ENAMETOOLONG);
}

TEST_CASE("a path through too many directories is not walked to its end") {
    const TemporaryDirectory directory;
    // Each link begins at the root again, and goes in and out of one directory.
    REQUIRE(::mkdir(directory.file("d").c_str(), 0700) == 0);
    std::string round;
    while (round.size() + directory.path().size() < PATH_MAX - 32) round += "/d/..";
    for (int link = 0; link < 20; ++link) {
        const std::string next = link == 19 ? "/file" : "/l" + std::to_string(link + 1);
        REQUIRE(::symlink((directory.path() + round + next).c_str(),
                          directory.file("l" + std::to_string(link)).c_str()) == 0);
    }
    write_file(directory.file("file"), "");
    CHECK(follow_path(directory.file("l19")));
    const auto walked = follow_path(directory.file("l0"));
    REQUIRE_FALSE(walked);
    CHECK(walked.error().system_error == ENAMETOOLONG);
}
