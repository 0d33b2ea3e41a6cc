#include "process/become_user.hh"

#include "support/program.hh"
#include "support/strace.hh"
#include "support/users_file.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

TEST_CASE("become_user takes every id permanently") {
    if (missing(::geteuid() == 0, "root")) return;
    for (const auto& groups : {std::vector<gid_t>{}, std::vector<gid_t>{64'002, 64'003}}) {
        CHECK(in_child([&] {
                  if (!become_user(64'001, 64'002, groups)) return 1;
                  uid_t uid[3];
                  gid_t gid[3];
                  ::getresuid(&uid[0], &uid[1], &uid[2]);
                  ::getresgid(&gid[0], &gid[1], &gid[2]);
                  for (int i = 0; i < 3; ++i)
                      if (uid[i] != 64'001 || gid[i] != 64'002) return 2;
                  std::vector<gid_t> have(16);
                  const int count = ::getgroups(16, have.data());
                  if (count < 0) return 3;
                  have.resize(static_cast<std::size_t>(count));
                  if (have != groups) return 4;
                  return ::setuid(0) != 0 && ::seteuid(0) != 0 && ::setgid(0) != 0 ? 0 : 5;
              }) == 0);
    }
}

TEST_CASE("become_user leaves a process that cannot be dumped") {
    if (missing(::geteuid() == 0, "root") || missing(hardened, "the flag against dumping") ||
        missing(have_strace(), "strace"))
        return;
    // What the kernel makes of the flag when ids change depends on fs.suid_dumpable. So it must be
    // taken away afterwards.
    const TemporaryDirectory directory;
    ::chmod(directory.path().c_str(), 0755);
    const auto trace = directory.file("trace");
    const auto users = directory.file("users");
    write_file(users, "joe:" + hash_of_old + ":64001:64002:::\n");
    const auto outcome =
        run({.argv = {"strace", "-qq", "-o", trace, "-e", "trace=setresuid,prctl,execve",
                      built("checkpw"), "--native", "-F", "passwd-file", "-f", users, "/bin/true"},
             .record = bytes("joe\0old\0\0")});
    CHECK(outcome.status == 0);
    CHECK(outcome.err == "");
    const std::string calls = read_file(trace);
    const auto became = calls.find("setresuid(64001, 64001, 64001)");
    REQUIRE(became != calls.npos);
    const auto flag = calls.find("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", became);
    CHECK(flag != calls.npos);
    CHECK(flag < calls.find("execve", became));
}

TEST_CASE("become_user never becomes root") {
    // In a child, because a wrong become_user would change the ids of the process.
    CHECK(in_child([] {
              const auto became = become_user(0, 64'002, {});
              if (became || became.error().status != ExitStatus::temporary) return 1;
              if (::getgid() == 64'002) return 2;
              return become_user(64'001, 0, {64'002}) || ::getuid() != 0 ? 3 : 0;
          }) == 0);
}

TEST_CASE("become_user without root is an error with its errno") {
    CHECK(in_child([] {
              if (::geteuid() == 0 && ::setresuid(64'003, 64'003, 64'003) != 0) return 1;
              const auto became = become_user(64'001, 64'002, {64'002});
              if (became || became.error().status != ExitStatus::temporary) return 2;
              return became.error().system_error == EPERM && ::getuid() != 64'001 ? 0 : 3;
          }) == 0);
}
