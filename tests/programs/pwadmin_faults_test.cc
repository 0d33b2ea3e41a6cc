// pwadmin is killed at every single system call that it makes, each call fails once, and several
// pwadmins run at the same time. Afterwards the file is wholly the old one or wholly the new one,
// and no change is lost.
#include "support/strace.hh"
#include "support/users_file.hh"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;
const std::string ann = "# a comment\nann:!*:1::::::\n";
const std::string zoe = "zoe:" + hash + usual_dates;
const std::string before = ann + "joe:" + hash + usual_dates + zoe;
const std::string after = ann + "joe:!" + hash + ":0:1:90:7:30::\n" + zoe;

struct Users : UsersFile {
    Users() : UsersFile(::before) { date_ahead(); }

    // All of these in one change.
    Outcome lock(std::vector<std::string> words = {}) const {
        words.insert(words.end(), {built("pwadmin"), "-f", path, "-l", "-e", "-n", "1", "-x", "90",
                                   "-i", "30", "joe"});
        return run({.argv = words});
    }
};

// Causes `fault` at every call of main, one after the other, and lets `check` look at each result.
int sweep(const std::string& fault,
          const std::function<void(const Users&, const Outcome&, const std::string& name)>& check) {
    std::string trace;
    {
        const Users users;
        REQUIRE(users.lock({"strace", "-qq", "-o", users.directory.file("trace")}).status == 0);
        REQUIRE(users.content() == after);
        trace = read_file(users.directory.file("trace"));
    }
    // main begins with a check of the standard descriptors. The calls of the loader before it do
    // not count.
    const auto main_at = trace.find("fcntl(0, F_GETFD");
    REQUIRE(main_at != trace.npos);
    auto earlier = count_calls(trace.substr(0, main_at));
    int faults = 0;
    for (const auto& [name, count] : count_calls(trace.substr(main_at))) {
        if (name == "exit_group") continue;
        for (int when = earlier[name] + 1; when <= earlier[name] + count; ++when) {
            CAPTURE(fault);
            CAPTURE(name);
            CAPTURE(when);
            const Users users;
            const auto outcome = users.lock(with_fault(name, fault, when));
            ++faults;
            const auto now = users.content();
            CHECK((now == before || now == after));
            if (outcome.status == 0) CHECK(now == after);
            if (outcome.signal == SIGTERM) CHECK(now == before);
            const bool unsynced =
                outcome.err.find("may not have reached the disk") != std::string::npos;
            if (outcome.status > 0) {
                CHECK((now == after) == unsynced);
                CHECK((!outcome.err.empty() || name == "write"));
            }
            check(users, outcome, name);
            // The lock is free. Files that were left over cause no trouble, and are gone
            // afterwards.
            CHECK(users.lock().status == 0);
            CHECK(users.content() == after);
            CHECK_FALSE(users.has_new());
        }
    }
    MESSAGE(fault << ": " << faults << " faults");
    return faults;
}

} // namespace

TEST_CASE("killed at every system call") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    CHECK(sweep("signal=KILL", [](const Users&, const Outcome& outcome, const std::string&) {
              CHECK(outcome.signal == SIGKILL);
          }) > 40);
}

TEST_CASE(
    "SIGTERM at every system call: nothing is left over, and a change that was made is reported") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    CHECK(sweep("signal=TERM", [](const Users& users, const Outcome& outcome, const std::string&) {
              CHECK_FALSE(users.has_new());
              CHECK((outcome.signal == SIGTERM || outcome.status == 0));
          }) > 40);
}

TEST_CASE("no space, and errors of the disk, at every system call") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    for (const std::string fault : {"error=ENOSPC", "error=EIO"})
        CHECK(sweep(fault, [](const Users& users, const Outcome& outcome, const std::string& name) {
                  // The kernel's brk reports no errors, and libc does not expect any.
                  if (name != "brk") CHECK(outcome.signal == 0);
                  if (name != "unlinkat") CHECK_FALSE(users.has_new());
                  if (name == "fsync" || name == "renameat") CHECK(outcome.status == 3);
              }) > 40);
}

TEST_CASE("a disk that is full") {
    if (missing(::geteuid() == 0, "root")) return;
    const int status = in_child([] {
        const TemporaryDirectory directory;
        const bool mounted = own_mounts() && ::mount("none", directory.path().c_str(), "tmpfs", 0,
                                                     "size=64k,mode=700") == 0;
        if (!mounted) return 77;
        const auto path = directory.file("users");
        // This takes over half of the space, so a second file does not fit.
        std::string users = before;
        for (int i = 0; users.size() < 40'000; ++i)
            users += "user" + std::to_string(i) + ":" + hash + usual_dates;
        write_file(path, users);
        const auto outcome = run({.argv = {built("pwadmin"), "-f", path, "-l", "joe"}});
        if (outcome.status != 3 || outcome.err.find("No space left") == std::string::npos) return 1;
        if (read_file(path) != users) return 2;
        if (::access((path + ".new").c_str(), F_OK) == 0) return 3;
        ::umount(directory.path().c_str());
        return 0;
    });
    if (missing(status != 77, "a mount namespace")) return;
    CHECK(status == 0);
}

TEST_CASE("two pwadmins and a setpw at once: no change is lost") {
    for (int round = 0; round < 5; ++round) {
        const TemporaryDirectory directory;
        const auto path = directory.file("users");
        std::string users;
        for (const std::string name : {"joe", "ann", "zoe"})
            users += name + ":" + hash + usual_dates;
        write_file(path, users);
        // Each shell adds and changes its own users in a loop, and reports a failure.
        const auto loop = [&](const std::string& deeds) {
            return Program{.argv = {"sh", "-c", "for i in 1 2 3 4 5 6 7 8; do " + deeds + "; done",
                                    built("pwadmin"), path, built("setpw")},
                           .timeout = milliseconds{60'000}};
        };
        Process first{
            loop(R"(echo pass | "$0" -q -f "$1" -m sha256crypt -c 1000 --add --stdin a$i)"
                 R"( 2>/dev/null || echo failed; "$0" -q -f "$1" -x $i joe || echo failed)")};
        Process second{
            loop(R"(echo pass | "$0" -q -f "$1" -m sha256crypt -c 1000 --add --stdin b$i)"
                 R"( 2>/dev/null || echo failed; "$0" -q -f "$1" -w $i joe || echo failed)")};
        Process third{
            loop(R"(printf 'ann\0%s\0\0%s\0' $([ $i = 1 ] && echo old || echo n$((i-1))) n$i |)"
                 R"( ("$2" -f "$1" -m sha256crypt -c 1000 3<&0) || echo failed)")};
        for (Process* process : {&first, &second, &third}) {
            const auto outcome = process->wait();
            CHECK(outcome.status == 0);
            CHECK(outcome.out.empty());
            CHECK(outcome.err.empty());
        }
        const auto now = read_file(path);
        CHECK(now.starts_with("joe:" + hash + ":19000:0:8:8:::\nann:$5$rounds=1000$"));
        CHECK(now.find("\nzoe:" + hash + usual_dates) != std::string::npos);
        for (const char who : {'a', 'b'})
            for (int i = 1; i <= 8; ++i)
                CHECK(now.find(std::string{"\n"} + who + std::to_string(i) + ":$5$") !=
                      std::string::npos);
        CHECK(std::count(now.begin(), now.end(), '\n') == 19);
        CHECK(run({.argv = {built("checkpw"), "-f", path}, .record = bytes("ann\0n8\0\0\0")})
                  .status == 0);
    }
}
