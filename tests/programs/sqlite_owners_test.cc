// checkpw-sqlite and setpw-sqlite as root on databases of other accounts: nothing happens with
// root's rights, and nobody becomes another account by what they wrote.
#include "support/accounts.hh"
#include "support/sqlite_database.hh"
#include "support/users_file.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <set>
#include <thread>

using namespace poppass::test;

namespace {

constexpr uid_t owner = 66001;
constexpr gid_t group = 66002;

void own(const std::string& path, uid_t uid, gid_t gid) {
    REQUIRE(::lchown(path.c_str(), uid, gid) == 0);
}

struct stat look(const std::string& path) {
    struct stat status {};
    REQUIRE_MESSAGE(::lstat(path.c_str(), &status) == 0, path);
    return status;
}

std::set<std::string> names_in(const std::string& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{directory})
        names.insert(entry.path().filename());
    return names;
}

// The database and its directory belong to `owner`, the settings to root.
struct OwnersUsers : SqliteUsers {
    explicit OwnersUsers(const std::string& mode = "delete") {
        configure(quick);
        const Sqlite database{path};
        database.run("PRAGMA journal_mode = " + mode);
        database.run("UPDATE users SET password = '{PLAIN}old' WHERE email = 'joe@x.org'");
        own(directory.path(), owner, group);
        REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
        REQUIRE(::chmod(path.c_str(), 0640) == 0);
        for (const auto& name : names_in(directory.path()))
            if (name.starts_with("users.db")) own(directory.file(name), owner, group);
    }

    // A check in a native chain. `columns` of user_query, which may be constants.
    Outcome native(const std::string& columns, const std::string& login = joe,
                   const std::function<void()>& before_exec = {}) const {
        write_file(settings, "connect = " + path +
                                 "\nuser_query = SELECT email AS login, password AS hash" +
                                 columns + " FROM users WHERE email = :login\n");
        auto program = check(login, "old", {"--native", "--", built("next-link")});
        program.before_exec = before_exec;
        return run(program);
    }
};

// Directories of root: one in which `users.db` is, and one beside it.
struct RootsUsers : OwnersUsers {
    RootsUsers() {
        own(directory.path(), 0, 0);
        own(path, 0, 0);
    }
};

std::string number(std::uint32_t value) {
    return {char(value >> 24u), char(value >> 16u), char(value >> 8u), char(value)};
}

// The journal of a change that was interrupted, and of which several databases were a part: SQLite
// removes the file that it names.
std::string hot_journal(const std::string& database, const std::string& names) {
    const std::string magic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    constexpr std::uint32_t page = 4096;
    const auto pages = std::uint32_t(look(database).st_size) / page;
    std::string journal =
        magic + number(0) + number(1) + number(pages) + number(512) + number(page);
    journal.resize(512);
    std::uint32_t sum = 0;
    for (const char c : names) sum += static_cast<std::uint32_t>(c);
    return journal + number(0x40000000 / page + 1) + names + number(std::uint32_t(names.size())) +
           number(sum) + magic;
}

const std::string ids = ", 66001 AS uid, 66002 AS gid";

// Neither a check nor a change does anything.
void refused(const OwnersUsers& users, std::string_view words) {
    const auto before = names_in(users.directory.path());
    const auto outcome = users.native(ids);
    CHECK(outcome.status == 111);
    CHECK_FALSE(parse_next_link(outcome.out).ran);
    CHECK_MESSAGE(has(outcome.err, words), outcome.err);
    users.configure(quick);
    const auto changed = run(users.change(joe, "old", "new"));
    CHECK(changed.status == 111);
    CHECK_MESSAGE(has(changed.err, words), changed.err);
    CHECK(names_in(users.directory.path()) == before);
}

} // namespace

TEST_CASE("root works on the database of another account as this account") {
    if (missing(::geteuid() == 0, "root")) return;
    for (const std::string mode : {"delete", "persist", "wal"}) {
        CAPTURE(mode);
        const OwnersUsers users{mode};
        CHECK(users.is_password(joe, "old"));
        CHECK_FALSE(users.is_password(joe, "wrong"));
        CHECK(run(users.change(joe, "old", "new")).status == 0);
        CHECK(users.is_password(joe, "new"));
        CHECK(users.hash(joe).starts_with("{SSHA512}"));
        for (const auto& name : names_in(users.directory.path())) {
            CAPTURE(name);
            if (name == "sql.conf") continue;
            const auto status = look(users.directory.file(name));
            CHECK(status.st_uid == owner);
            CHECK(status.st_gid == group);
            if (name == "users.db") CHECK((status.st_mode & 07777) == 0640);
        }
    }
}

TEST_CASE("the owner of a database makes root remove no file, and make none") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory of_root;
    REQUIRE(::chmod(of_root.path().c_str(), 0755) == 0);
    const std::string victim = of_root.file("victim");
    for (const std::string program : {"check", "change"}) {
        CAPTURE(program);
        const OwnersUsers users;
        write_file(victim, "a file of root's\n");
        write_file(users.path + "-journal", hot_journal(users.path, victim), 0640);
        own(users.path + "-journal", owner, group);
        run(program == "check" ? users.check(joe, "old") : users.change(joe, "old", "new"));
        CHECK(::access(victim.c_str(), F_OK) == 0);
        CHECK(read_file(victim) == "a file of root's\n");
    }
}

#ifdef POPPASS_LINUX
TEST_CASE("a directory that its owner exchanges leads root into no other one") {
    if (missing(::geteuid() == 0, "root")) return;
    OwnersUsers users{"wal"};
    const TemporaryDirectory secret;
    const std::string box = users.directory.file("box"), other = users.directory.file("other");
    REQUIRE(::mkdir(box.c_str(), 0755) == 0);
    own(box, owner, group);
    std::filesystem::copy(users.path, box + "/users.db");
    own(box + "/users.db", owner, group);
    std::filesystem::copy(users.path, secret.file("users.db"));
    REQUIRE(::symlink(secret.path().c_str(), other.c_str()) == 0);
    own(other, owner, group);
    users.path = box + "/users.db";
    users.configure(quick);
    std::atomic<bool> stop = false;
    std::atomic<int> exchanges = 0;
    std::thread exchanger{[&] {
        for (; !stop; ++exchanges)
            ::renameat2(AT_FDCWD, box.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }};
    std::set<int> statuses;
    for (int i = 0; i < 60; ++i) {
        statuses.insert(run(users.check(joe, "old")).status);
        statuses.insert(run(users.change(joe, "old", "old")).status);
    }
    stop = true;
    exchanger.join();
    CHECK(exchanges > 1000);
    statuses.erase(0);
    CHECK(statuses == std::set<int>{111});
    CHECK(names_in(secret.path()) == std::set<std::string>{"users.db"});
    CHECK(look(secret.file("users.db")).st_uid == 0);
    CHECK(Sqlite{secret.file("users.db")}.run(
              "SELECT password FROM users WHERE email = 'joe@x.org'") == Words{"{PLAIN}old"});
}
#endif

TEST_CASE("the ids in a row count only where nobody but root can have written it") {
    if (missing(::geteuid() == 0, "root")) return;
    {
        const RootsUsers users;
        const auto next = parse_next_link(users.native(ids).out);
        REQUIRE(next.ran);
        CHECK(next.uids == std::vector<uid_t>{66001, 66001, 66001});
    }
    SUBCASE("another account owns the directory") {
        const RootsUsers users;
        own(users.directory.path(), owner, group);
        refused(users, "belongs to uid 66001, who could put another file in the place");
    }
    SUBCASE("everybody can write the directory") {
        const RootsUsers users;
        REQUIRE(::chmod(users.directory.path().c_str(), 01777) == 0);
        refused(users, "keep the file in a directory of its own");
    }
    SUBCASE("its group can write the directory") {
        const RootsUsers users;
        REQUIRE(::chmod(users.directory.path().c_str(), 0775) == 0);
        refused(users, "can be written by its group");
    }
    SUBCASE("another account owns a link on the way") {
        RootsUsers users;
        const TemporaryDirectory home;
        own(home.path(), owner, group);
        const std::string link = home.file("link");
        REQUIRE(::symlink(users.directory.path().c_str(), link.c_str()) == 0);
        users.path = link + "/users.db";
        users.configure(quick);
        refused(users, "belongs to uid 66001, who could put another file in the place");
    }
    // In the owner's own directory they do not count at all, and without them the user is virtual.
    const OwnersUsers users;
    const auto outcome = users.native(ids);
    CHECK(outcome.status == 111);
    CHECK(has(outcome.err, "this user has no account"));
    const RootsUsers shared;
    REQUIRE(::chmod(shared.path.c_str(), 0660) == 0);
    CHECK(has(shared.native(ids).err, "this user has no account"));
    REQUIRE(::chmod(shared.path.c_str(), 0646) == 0);
    refused(shared, "can be written by everybody: chmod o-w");
}

TEST_CASE("files of others beside a database of root's are not opened") {
    if (missing(::geteuid() == 0, "root")) return;
    for (const std::string suffix : {"-journal", "-wal", "-shm"}) {
        CAPTURE(suffix);
        const RootsUsers users;
        const std::string path = users.path + suffix;
        write_file(path, "x");
        own(path, owner, group);
        refused(users, "belongs to uid 66001");
        own(path, 0, group);
        REQUIRE(::chmod(path.c_str(), 0660) == 0);
        refused(users, "others can write it: chmod go-w");
        REQUIRE(::unlink(path.c_str()) == 0);
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        refused(users, "is no regular file");
        REQUIRE(::unlink(path.c_str()) == 0);
        REQUIRE(::symlink("/etc/passwd", path.c_str()) == 0);
        refused(users, "is no regular file");
    }
}

TEST_CASE("who can write a database becomes no other account by a name") {
    if (missing(::geteuid() == 0, "root") || missing(can_mount(), "mounts")) return;
    const Accounts accounts{{{"person", 20'001}, {"owner", int(owner)}, {"service", 60'500}}};
    const auto ends = [&](const OwnersUsers& users, const std::string& login) {
        Sqlite{users.path}.run("UPDATE users SET email = ?", {login});
        const auto outcome = users.native("", login, accounts.before_exec());
        CHECK_FALSE(parse_next_link(outcome.out).ran);
        return outcome.err;
    };
    struct One : OwnersUsers {
        One() { Sqlite{path}.run("DELETE FROM users WHERE email <> 'joe@x.org'"); }
    };
    // Its home does not exist, so it fails only when it enters the home.
    One users;
    CHECK(has(ends(users, "owner"), "enter /nonexistent"));
    const std::string other = "belongs neither to root nor to that account";
    CHECK(has(ends(users, "person"), other));
    REQUIRE(::chmod(users.path.c_str(), 0660) == 0);
    CHECK(has(ends(users, "owner"), "a group can write the database"));
    REQUIRE(::chmod(users.path.c_str(), 0640) == 0);
    own(users.path, 0, 0);
    own(users.directory.path(), 0, 0);
    CHECK(has(ends(users, "person"), "enter /nonexistent"));
    CHECK(has(ends(users, "service"), "a uid that is no person's"));
    CHECK(has(ends(users, "nobody"), "a uid that is no person's"));
    REQUIRE(::chmod(users.path.c_str(), 0660) == 0);
    CHECK(has(ends(users, "person"), "a group can write the database"));
}

TEST_CASE("a native chain gets no name that programs would take for something else") {
    if (missing(::geteuid() == 0, "root")) return;
    for (const std::string name :
         {".hidden", "..", "a/b", "/", "joe\xc2\x9b", "../joe@x.org", "joe@x.org/"}) {
        CAPTURE(name);
        const RootsUsers users;
        Sqlite{users.path}.run("UPDATE users SET email = ? WHERE email = 'joe@x.org'", {name});
        CHECK(users.is_password(name, "old"));
        const auto outcome = users.native(ids, name);
        CHECK(outcome.status == 1);
        CHECK_FALSE(parse_next_link(outcome.out).ran);
        CHECK_MESSAGE(has(outcome.err, "the stored login cannot be the name of a user"),
                      outcome.err);
    }
}

TEST_CASE("what a killed change left is undone by the next check") {
    if (missing(::geteuid() == 0, "root")) return;
    const auto leave = [](const SqliteUsers& users) {
        Sqlite{users.path}.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
            "INSERT INTO users SELECT 'user' || i || '@x.org', '{PLAIN}x', 0, 0, 0 FROM n");
        REQUIRE(in_child([&] {
                    auto* const writer = new Sqlite{users.path}; // never closed
                    writer->run("PRAGMA cache_size = 1; BEGIN IMMEDIATE;"
                                "UPDATE users SET password = '{PLAIN}new'");
                    return 0;
                }) == 0);
        REQUIRE(look(users.path + "-journal").st_size > 0);
    };
    {
        const OwnersUsers users;
        leave(users);
        CHECK(users.is_password(joe, "old"));
        CHECK_FALSE(users.is_password(joe, "new"));
        CHECK(::access((users.path + "-journal").c_str(), F_OK) != 0);
    }
    const RootsUsers users;
    leave(users);
    // A checker that may only read cannot undo it, and says why it fails.
    REQUIRE(::chmod(users.path.c_str(), 0644) == 0);
    users.configure(quick + "timeout = 1\n");
    REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
    auto checker = users.check(joe, "old");
    checker.argv[0] = reachable("checkpw-sqlite", users.directory);
    checker.as = nobody;
    own(users.settings, 65534, 65534);
    const auto outcome = run(checker);
    CHECK(outcome.status == 111);
    CHECK_MESSAGE(has(outcome.err, "an interrupted change has left a journal"), outcome.err);
    CHECK(look(users.path + "-journal").st_size > 0);
    own(users.settings, 0, 0);
    CHECK(users.is_password(joe, "old"));
    CHECK(::access((users.path + "-journal").c_str(), F_OK) != 0);
    CHECK(run(checker).status == 2); // the settings are root's again
}

TEST_CASE("an owner who keeps a link waiting can neither end it nor look into it") {
    if (missing(::geteuid() == 0, "root") || missing(hardened, "a hardened build")) return;
    // Says which signals it could send to a process, and which of its files it could open.
    const auto reach = [](pid_t pid) {
        const auto outcome =
            run({.argv = {"/bin/sh", "-c",
                          "for f in mem environ maps; do"
                          " (: <\"/proc/$1/$f\") && echo $f; done;"
                          "for n in STOP KILL; do kill -$n \"$1\" && echo $n; done",
                          "sh", std::to_string(pid)},
                 .as = Ids{owner, group}});
        return outcome.out;
    };
    const OwnersUsers users;
    users.configure(quick + "timeout = 30\n");
    const std::string uids = "Uid:\t0\t" + std::to_string(owner) + "\t0\t" + std::to_string(owner);
    const std::string gids = "Gid:\t0\t" + std::to_string(group) + "\t0\t" + std::to_string(group);
    for (auto program : {users.check(joe, "old"), users.change(joe, "old", "new")}) {
        CAPTURE(program.argv.at(0));
        program.timeout = milliseconds{60'000};
        const Sqlite holder{users.path};
        holder.run("BEGIN EXCLUSIVE");
        Process link{program};
        const std::string status = "/proc/" + std::to_string(link.pid()) + "/status";
        CHECK(link.run_until([&] { return has(read_file(status), uids); }));
        CHECK(has(read_file(status), gids));
        CHECK(reach(link.pid()) == "");
        holder.run("COMMIT");
        CHECK(link.wait().status == 0);
    }
    Process own{{.argv = {"/bin/sleep", "60"}, .as = Ids{owner, group}}};
    REQUIRE(own.run_until(
        [&] { return has(read_file("/proc/" + std::to_string(own.pid()) + "/comm"), "sleep"); }));
    CHECK(reach(own.pid()).ends_with("environ\nmaps\nSTOP\nKILL\n"));
}
