// setpw-sqlite is killed at every call with which it touches the database, and each of these calls
// fails once. Afterwards the row is the old one or the new one, the message is true, and the next
// change works at once.
#include "support/sqlite_database.hh"
#include "support/strace.hh"

#include <doctest/doctest.h>
#include <set>

#include <csignal>

using namespace poppass::test;

namespace {

const std::set<std::string> names{"pwrite64", "write",     "fdatasync", "fsync", "unlink",
                                  "fcntl",    "ftruncate", "openat",    "mmap",  "pread64"};

struct Users : SqliteUsers {
    explicit Users(const std::string& mode) {
        configure(quick + "timeout = 3\n");
        const Sqlite database{path};
        database.run("PRAGMA journal_mode = " + mode);
        give("{PLAIN}old");
        // Enough rows that a change writes a page among many.
        database.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) "
            "INSERT INTO users SELECT 'user' || i || '@x.org', '{PLAIN}x', 0, 0, 0 FROM n");
    }
};

Outcome change(const Users& users, const std::string& from, const std::string& to,
               Words strace = {}) {
    auto program = users.change(joe, from, to);
    strace.insert(strace.end(), program.argv.begin(), program.argv.end());
    program.argv = strace;
    program.timeout = milliseconds{60'000};
    return run(program);
}

// Causes the fault at every such call of a change, one after the other.
void sweep(const std::string& mode, const std::string& fault) {
    std::map<std::string, int> counts;
    {
        const Users users{mode};
        const auto trace = users.directory.file("trace");
        REQUIRE(change(users, "old", "new", {"strace", "-qq", "-o", trace}).status == 0);
        counts = count_calls(read_file(trace));
        CHECK(counts["pwrite64"] > 0);
        CHECK(counts["fdatasync"] + counts["fsync"] > 0);
    }
    int faults = 0, changed_by_killed = 0;
    for (const auto& [name, count] : counts) {
        if (!names.contains(name)) continue;
        for (int when = 1; when <= count; ++when) {
            CAPTURE(mode);
            CAPTURE(fault);
            CAPTURE(name);
            CAPTURE(when);
            const Users users{mode};
            const auto others = users.rows("email <> 'joe@x.org'");
            const auto outcome = change(users, "old", "new", with_fault(name, fault, when));
            CAPTURE(outcome.status);
            CAPTURE(outcome.err);
            ++faults;
            // Checks come first: they must not need somebody else who repairs the database.
            const bool is_new = users.is_password(joe, "new");
            CHECK(users.is_password(joe, is_new ? "new" : "old"));
            CHECK(users.sql("PRAGMA integrity_check") == Words{"ok"});
            CHECK(users.rows("email <> 'joe@x.org'") == others);
            const std::string hash = users.hash(joe);
            const bool changed = hash != "{PLAIN}old";
            if (changed) CHECK(hash.starts_with("{SSHA512}"));
            CHECK(changed == is_new);
            if (outcome.status == 0) CHECK(changed);
            if (has(outcome.out, "nothing was changed")) CHECK_FALSE(changed);
            if (fault == "signal=TERM" && changed) CHECK(outcome.status == 0);
            if (fault == "signal=KILL") CHECK(outcome.signal == SIGKILL);
            if (outcome.signal == SIGKILL && changed) ++changed_by_killed;
            CHECK(change(users, changed ? "new" : "old", "next").status == 0);
            CHECK(users.is_password(joe, "next"));
        }
    }
    CHECK(faults > 30);
    MESSAGE(mode << ", " << fault << ": " << faults << " faults; " << changed_by_killed
                 << " changes were made by a setter that was killed");
}

} // namespace

TEST_CASE("killed at every call on the database") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    for (const std::string mode : {"delete", "wal"}) sweep(mode, "signal=KILL");
}

TEST_CASE("SIGTERM at every call: a change that was made is told as made") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    sweep("wal", "signal=TERM");
}

TEST_CASE("no space, and errors of the disk, at every call on the database") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    for (const std::string mode : {"delete", "wal"})
        for (const std::string fault : {"error=ENOSPC", "error=EIO"}) sweep(mode, fault);
}
