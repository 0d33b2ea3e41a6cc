// setpw is killed at every single system call that it makes, and each call fails once. Afterwards
// the file is wholly the old one or wholly the new one, the message is true, and the next change
// works at once.
#include "credentials/file.hh"
#include "hash/crypt_hash.hh"
#include "support/strace.hh"
#include "support/users_file.hh"

#include <csignal>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;
const std::string ann = "# a comment\nann:!*:1::::::\n";
const std::string joe = "joe:" + hash + ":19000:0:99999:7:::";
const std::string zoe = "\nzoe:" + hash + ":19000:0:99999:7:::";

using Names = std::set<std::string>;

// The calls on files. If one fails, nothing may be left over.
const Names file_calls{"openat",    "newfstatat", "fstat",        "statx",  "read",
                       "pread64",   "write",      "fchown",       "fchmod", "flistxattr",
                       "fgetxattr", "fsetxattr",  "fremovexattr", "fsync",  "rename",
                       "renameat",  "renameat2",  "unlinkat",     "fcntl",  "close",
                       "pwrite64",  "utimensat"};
// The calls of these that must be repeated if a signal interrupts them. (fcntl also checks whether
// the standard descriptors are open; an error there means that they are closed.)
const Names repeated{"openat", "newfstatat", "fstat",    "statx",      "read",      "pread64",
                     "write",  "fchown",     "fchmod",   "flistxattr", "fgetxattr", "fsetxattr",
                     "fsync",  "renameat",   "unlinkat", "close",      "pwrite64",  "utimensat"};
// Without these calls there is no process. How often a thread waits for another one differs from
// run to run.
const Names not_for_faults{"execve", "exit_group", "futex"};

struct Users : UsersFile {
    bool has_attribute;

    Users() : UsersFile(ann + joe + zoe, 0640) {
        REQUIRE(::chmod(path.c_str(), 0640) == 0);
        has_attribute = ::setxattr(path.c_str(), "user.note", "kept", 4, 0) == 0;
        // As root, the new file must get this group.
        if (::geteuid() == 0) REQUIRE(::chown(path.c_str(), 0, 64005) == 0);
        date_ahead();
    }

    // Gives all to another account, whose rights root then takes.
    void give_away() const {
        REQUIRE(::chown(directory.path().c_str(), 64004, 64005) == 0);
        REQUIRE(::chown(path.c_str(), 64004, 64005) == 0);
    }

    bool is_password(const std::string& password) const {
        const auto file = CredentialFile::open({.path = path});
        REQUIRE(file);
        const auto found = file->find("joe");
        REQUIRE(found);
        const auto right = verify_hash(password, hash_to_verify(found->entry()), hash);
        REQUIRE(right);
        return *right;
    }

    // The file is whole: it is the old one, or one in which joe has the new password.
    void check_whole() const {
        const auto now = read_file(path);
        CHECK(now.starts_with(ann + "joe:$5$rounds=1000$"));
        CHECK(now.ends_with(":0:99999:7:::" + zoe));
        CHECK((now == before) == is_password("old"));
        CHECK((now != before) == is_password("new"));
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0640);
        if (::geteuid() == 0) CHECK(status.st_gid == 64005);
        char value[10];
        if (has_attribute) CHECK(::getxattr(path.c_str(), "user.note", value, sizeof value) == 4);
    }
};

Outcome change(const Users& users, const std::string& from, const std::string& to,
               std::vector<std::string> strace = {}) {
    strace.insert(strace.end(),
                  {built("setpw"), "-f", users.path, "-m", "sha256crypt", "-c", "1000"});
    return run({.argv = strace,
                // The leak check does not work under strace.
                .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
                .record = bytes("joe\0") + from + bytes("\0\0") + to + '\0'});
}

// The calls of a successful change, and how often each is made.
std::map<std::string, int> calls() {
    const Users users;
    const auto trace = users.directory.file("trace");
    const auto outcome = change(users, "old", "new", {"strace", "-qq", "-o", trace});
    REQUIRE(outcome.status == 0);
    const std::string text = read_file(trace);
    auto counts = count_calls(text);
    // The key of the dummy hashes, which the first change makes, is on the disk at first. The new
    // file is on the disk before it gets the name of the old one, and the name is on the disk
    // before the program ends.
    REQUIRE(counts["pwrite64"] == 1);
    REQUIRE(counts["fsync"] == 3);
    REQUIRE(counts["renameat"] == 1);
    const auto key_synced = text.find("fsync(");
    CHECK(key_synced > text.find("pwrite64("));
    CHECK(text.find("fsync(", key_synced + 1) < text.find("renameat("));
    CHECK(text.rfind("fsync(") > text.find("renameat("));
    CHECK(counts["fchown"] == (::geteuid() == 0 ? 1 : 0));
    CHECK(counts["fsetxattr"] == (users.has_attribute ? 1 : 0));
    return counts;
}

// Causes `fault` at every call, one after the other, and lets `check` look at each result.
void sweep(
    const std::string& fault,
    const std::function<void(const Users&, const Outcome&, const std::string& name)>& check) {
    int faults = 0;
    for (const auto& [name, count] : calls()) {
        if (not_for_faults.contains(name)) continue;
        for (int when = 1; when <= count; ++when) {
            CAPTURE(fault);
            CAPTURE(name);
            CAPTURE(when);
            const Users users;
            const auto outcome = change(users, "old", "new", with_fault(name, fault, when));
            ++faults;
            users.check_whole();
            const bool changed = users.is_password("new");
            if (outcome.status == 0) CHECK(changed);
            const auto says = [&](std::string_view words) {
                return outcome.out.find(words) != std::string::npos;
            };
            if (says("nothing was changed")) CHECK_FALSE(changed);
            if (says("may not have reached the disk")) CHECK(changed);
            if (outcome.status == 111) CHECK((!outcome.err.empty() || name == "write"));
            check(users, outcome, name);
            // The lock is free. Files that were left over cause no trouble, and are gone
            // afterwards.
            const auto next = change(users, changed ? "new" : "old", "next");
            CHECK(next.status == 0);
            CHECK(users.is_password("next"));
            CHECK_FALSE(users.has_new());
        }
    }
    CHECK(faults > 50);
    MESSAGE(fault << ": " << faults << " faults");
}

} // namespace

TEST_CASE("killed at every system call") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    int killed = 0;
    sweep("signal=KILL", [&](const Users&, const Outcome& outcome, const std::string&) {
        CHECK(outcome.signal == SIGKILL);
        ++killed;
    });
    CHECK(killed > 50);
}

TEST_CASE(
    "SIGTERM at every system call: nothing is left over, and a change that was made is reported") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    sweep("signal=TERM", [&](const Users& users, const Outcome& outcome, const std::string&) {
        CHECK_FALSE(users.has_new());
        CHECK((outcome.signal != 0 || outcome.status == 0));
        CHECK(users.is_password(outcome.signal == 0 ? "new" : "old"));
    });
}

TEST_CASE("no space, and errors of the disk, at every system call") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    for (const std::string fault : {"error=ENOSPC", "error=EIO"})
        sweep(fault, [&](const Users& users, const Outcome& outcome, const std::string& name) {
            if (file_calls.contains(name)) CHECK_FALSE(users.has_new());
            if (name == "fsync" && users.is_password("new")) {
                CHECK(outcome.status == 111);
                CHECK(outcome.out ==
                      "454 Sorry, your new password is set, but may not have reached "
                      "the disk (#4.3.0)\n");
            }
            if (name == "renameat") {
                CHECK(outcome.status == 111);
                CHECK(users.is_password("old"));
            }
        });
}

TEST_CASE("interrupted at every system call: the call is tried again") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    sweep("error=EINTR", [&](const Users& users, const Outcome& outcome, const std::string& name) {
        CHECK_FALSE(users.has_new());
        if (repeated.contains(name)) CHECK(outcome.status == 0);
    });
}

TEST_CASE("an id that cannot be taken, or taken back, ends in 111") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    if (missing(::geteuid() == 0, "root")) return;
    const Users example;
    example.give_away();
    const auto trace = example.directory.file("trace");
    REQUIRE(change(example, "old", "new", {"strace", "-qq", "-o", trace}).status == 0);
    auto counts = count_calls(read_file(trace));
    // Two pieces of work on the file: each takes the ids, and takes root's back.
    CHECK(counts["setresuid"] == 4);
    for (const std::string name : {"setresuid", "setresgid", "setgroups", "getgroups"})
        for (int when = 1; when <= counts[name]; ++when) {
            CAPTURE(name);
            CAPTURE(when);
            const Users users;
            users.give_away();
            const auto outcome = change(users, "old", "new", with_fault(name, "error=EPERM", when));
            CHECK(outcome.status == 111);
            CHECK_FALSE(outcome.err.empty());
            users.check_whole();
            const bool told = outcome.out.find("nothing was changed") != std::string::npos;
            if (told) CHECK_FALSE(users.is_password("new"));
            CHECK(change(users, users.is_password("new") ? "new" : "old", "next").status == 0);
        }
}

TEST_CASE("no thread runs while the rights of the file's owner are taken") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    if (missing(::geteuid() == 0, "root")) return;
    for (const std::string old : {"old", "bad"}) {
        const Users users;
        users.give_away();
        const auto trace = users.directory.file("trace");
        const auto outcome = change(users, old, "new", {"strace", "-f", "-qq", "-o", trace});
        CHECK(outcome.status == (old == "old" ? 0 : 1));
        // glibc tells other threads of new ids by a signal.
        const auto text = read_file(trace);
        CHECK(text.find("setresuid(") != std::string::npos);
        CHECK(text.find("tgkill(") == std::string::npos);
    }
}
