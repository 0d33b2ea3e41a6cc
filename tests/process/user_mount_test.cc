#include "process/user_mount.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

constexpr uid_t ann = 1001;

// Whether root or ann mounted 0:45, by this mountinfo.
bool is_trusted(const std::string& mountinfo) {
    const TemporaryDirectory directory;
    const auto path = directory.file("mountinfo");
    write_file(path, mountinfo);
    const Fd fd{::open(path.c_str(), O_RDONLY)};
    const auto trusted = is_mounted_by(fd.get(), makedev(0, 45), ann);
    REQUIRE(trusted);
    return *trusted;
}

// The line of a mount that shows these options.
std::string mount_of(const std::string& options, const std::string& type = "fuse.sshfs") {
    return "62 26 0:45 / /home/bob rw,nosuid,nodev shared:4 - " + type + " source " + options +
           "\n";
}

const std::string others = "26 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
                           "60 26 0:4 / /a rw - fuse.x x rw,user_id=1002,group_id=1002\n"
                           "61 26 10:45 / /b rw - fuse.x x rw,user_id=1002,group_id=1002\n";

} // namespace

TEST_CASE("root's mounts and one's own are believed, and no other user's") {
    for (const auto& [options, trusted] :
         {std::pair{"rw,user_id=0,group_id=0,allow_other", true},
          std::pair{"rw,user_id=1001,group_id=1001", true}, std::pair{"user_id=0", true},
          std::pair{"rw,user_id=1002,group_id=0,allow_other", false},
          std::pair{"rw,user_id=10010,group_id=0", false},
          std::pair{"rw,user_id=100,group_id=0", false}, std::pair{"rw,user_id=,group_id=0", false},
          std::pair{"rw,user_id=00,group_id=0", false},
          std::pair{"rw,group_id=0,xuser_id=0", false}, std::pair{"rw", false},
          std::pair{"", false}}) {
        CAPTURE(options);
        CHECK(is_trusted(others + mount_of(options)) == trusted);
    }
}

TEST_CASE("each option and each line of a mount counts") {
    CHECK(!is_trusted(mount_of("rw,context=\"a,user_id=0,b\",user_id=1002,group_id=0")));
    CHECK(!is_trusted(mount_of("rw,user_id=0") + mount_of("rw,user_id=1002")));
    CHECK(!is_trusted(mount_of("rw,user_id=1002") + mount_of("rw,user_id=0")));
    CHECK(is_trusted(mount_of("rw,user_id=0") + mount_of("rw,user_id=0")));
}

TEST_CASE("a source or a type that looks like options is none") {
    CHECK(!is_trusted("62 26 0:45 / /home rw - fuse.x user_id=0,x rw,user_id=1002\n"));
    CHECK(!is_trusted("62 26 0:45 / /home rw - fuse.user_id=0,x x rw,user_id=1002\n"));
    CHECK(!is_trusted("62 26 0:45 / /home\\040-\\040fuse\\040x\\040user_id=0 rw - fuse x "
                      "rw,user_id=1002\n"));
}

TEST_CASE("only root can mount virtiofs, and it shows no mounter") {
    CHECK(is_trusted(mount_of("rw", "virtiofs")));
    CHECK(!is_trusted(mount_of("rw", "fuse.virtiofs")));
}

TEST_CASE("a file system that is not shown is not believed") {
    CHECK(!is_trusted(""));
    CHECK(!is_trusted(others));
    CHECK(!is_trusted("62 26 0:45"));
    CHECK(!is_trusted("62 26 0:45 / /home rw fuse.x x rw,user_id=0\n"));
}

TEST_CASE("mountinfo that cannot be read is trouble") {
    CHECK(!is_mounted_by(-1, makedev(0, 45), ann));
}

TEST_CASE("other file systems are not asked who mounted them") {
    for (const std::string path : {"/", "/sys", "/dev", "/tmp"}) {
        const Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY)};
        struct stat status {};
        REQUIRE(::fstat(fd.get(), &status) == 0);
        CHECK(judge_mount(fd.get(), status.st_dev, path));
    }
    CHECK(!judge_mount(-1, 0, "nothing"));
}

TEST_CASE("the files of processes are nobody's credential files") {
    const Fd fd{::open("/proc", O_RDONLY | O_DIRECTORY)};
    struct stat status {};
    REQUIRE(::fstat(fd.get(), &status) == 0);
    const auto judged = judge_mount(fd.get(), status.st_dev, "/proc");
    REQUIRE(!judged);
    CHECK(judged.error().message() ==
          "/proc shows processes, and stores no files: keep the file elsewhere");
}
