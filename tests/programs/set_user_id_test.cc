// No program of the suite runs set-user-ID: with real and effective ids that differ.
#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

// The programs of this build. The first one is pwadmin, which has the exit values of passwd(1).
std::vector<std::string> programs() {
    std::vector<std::string> all;
    for (const std::string name :
         {"pwadmin", "poppass", "poppass-check", "poppass-client", "checkpw", "setpw",
          "checkpw-throttle", "checkpw-pam", "setpw-pam", "checkpw-ldap", "setpw-ldap",
          "setpw-quality", "setpw-hook"}) {
        try {
            all.push_back(built(name));
        } catch (const std::runtime_error&) {
            // a feature that this build does not have
        }
    }
    return all;
}

void check_refused(const Outcome& outcome, const std::string& name) {
    CAPTURE(name);
    CHECK(outcome.status == (name.ends_with("pwadmin") ? 1 : 2));
    CHECK(outcome.err.find("set-user-ID") != outcome.err.npos);
    // The client of poppass gets an answer.
    CHECK(
        outcome.out ==
        (name.ends_with("poppass") ? "500 Temporary failure: server trouble, good-bye.\r\n" : ""));
}

} // namespace

TEST_CASE("ids that differ: no program of the suite does anything") {
    if (missing(::geteuid() == 0, "root")) return;
    for (const auto& name : programs()) {
        for (const auto& take :
             std::vector<std::function<int()>>{[] { return ::setresuid(nobody.uid, 0, 0); },
                                               [] { return ::setresgid(nobody.gid, 0, 0); },
                                               [] { return ::setresgid(0, nobody.gid, 0); }})
            check_refused(run({.argv = {name, "host", "/bin/true"},
                               .environment = {{"PASSWORD_COMMAND", "/bin/true"}},
                               .record = bytes("joe\0old\0\0"),
                               .before_exec = [&] { take() == 0 ? void() : ::_exit(126); }}),
                          name);
    }
}

TEST_CASE("poppass --check runs no poppass-check that lies beside a set-user-ID copy") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    ::chmod(directory.path().c_str(), 0755);
    const auto copy = directory.file("poppass");
    write_file(copy, read_file(built("poppass")), 0755);
    write_file(directory.file("poppass-check"), "#!/bin/sh\necho ran\n", 0755);
    const auto outcome = run({.argv = {copy, "--check", "host", "/bin/true"}, .before_exec = [] {
                                  if (::setresuid(nobody.uid, 0, 0) != 0) ::_exit(126);
                              }});
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("set-user-ID") != outcome.err.npos);
}

TEST_CASE("a file with mode 4755") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    struct statvfs mount {};
    REQUIRE(::statvfs(directory.path().c_str(), &mount) == 0);
    if (missing((mount.f_flag & ST_NOSUID) == 0, "set-user-ID files here")) return;
    ::chmod(directory.path().c_str(), 0755);
    const auto copy = directory.file("checkpw");
    write_file(copy, read_file(built("checkpw")));
    REQUIRE(::chmod(copy.c_str(), 04755) == 0);
    const auto users = directory.file("users");
    write_file(users, "");
    const Program program{.argv = {copy, "-f", users, "--native", "-e", "/usr/bin/id", "-u"},
                          .record = bytes("joe\0old\0\0"),
                          .as = nobody};
    check_refused(run(program), copy);
    REQUIRE(::chmod(copy.c_str(), 0755) == 0);
    CHECK(run(program).status == 111); // it may not read the file
}
