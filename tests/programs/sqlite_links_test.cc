// checkpw-sqlite and setpw-sqlite with real databases.
#include "support/sqlite_database.hh"
#include "support/users_file.hh"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

using namespace poppass::test;

TEST_CASE("a check: right, wrong, unknown, locked, expired, without a hash") {
    const SqliteUsers users;
    test_check(users, "");
    users.set("locked = 'f', expired = 't'");
    CHECK(users.status(joe, "old") == 1);
    users.set("locked = 2");
    const auto odd = run(users.check(joe, "old"));
    CHECK(odd.status == 111);
    CHECK(has(odd.err, "the column locked is neither 0 nor 1"));
}

TEST_CASE("a user or a password that is not known goes to the next link, with the same record") {
    test_next_link(SqliteUsers{});
}

TEST_CASE("a change: the new password counts, the old one does not, and no other row changes") {
    const SqliteUsers users;
    test_change(users, "{CRYPT}$y$");
    CHECK(users.sql("SELECT typeof(changed) FROM users WHERE email = 'joe@x.org'") ==
          Words{"integer"});
}

TEST_CASE(
    "new hashes are of the scheme that the settings name, with the prefix that they ask for") {
    const SqliteUsers users;
    const std::string plain = hash_of_old;
    const struct {
        std::string settings, before, after;
    } cases[] = {
        {"", plain, "$y$"},
        {"", "{PLAIN}old", "{CRYPT}$y$"},
        {"", "{CRYPT}" + plain, "{CRYPT}$y$"},
        {"prefix = yes\n", plain, "{CRYPT}$y$"},
        {"prefix = no\n", "{PLAIN}old", "$y$"},
        {"scheme = sha512-crypt\n", plain, "$6$"},
        {"scheme = SHA512-CRYPT\n", "{SHA256-CRYPT}" + plain, "{SHA512-CRYPT}$6$"},
        {"scheme = BLF-CRYPT\n", "{PLAIN}old", "{BLF-CRYPT}$2y$12$"},
        {"scheme = SSHA512\nprefix = yes\n", "{CRYPT}" + plain, "{SSHA512}"},
        {"scheme = PLAIN\n", "old", "{CRYPT}$y$"}, // a weak scheme is read, and never written
        {"scheme = PLAIN\nprefix = yes\n", "old", "{CRYPT}$y$"},
        {"scheme = PLAIN-MD5\n", "149603e6c03516362a8da23f624db945", "{CRYPT}$y$"},
        {"scheme = ARGON2ID\n", "{PLAIN}old", "{ARGON2ID}$argon2id$"},
    };
    for (const auto& [settings, before, after] : cases) {
        CAPTURE(settings);
        CAPTURE(before);
        users.configure(settings);
        users.give(before);
        CHECK(run(users.change(joe, "old", "new")).status == 0);
        CHECK_MESSAGE(users.hash(joe).starts_with(after), users.hash(joe));
        CHECK(users.is_password(joe, "new"));
        CHECK_FALSE(users.is_password(joe, "old"));
    }
    users.configure("scheme = BLF-CRYPT\n");
    CHECK(run(users.change(joe, "new", std::string(73, 'x'))).out ==
          "553 Sorry, your new password is longer than 72 bytes (#5.7.1)\n");
}

TEST_CASE("wrong settings are exit 2 before the record is read") {
    const SqliteUsers users;
    const auto misused = [&](const std::string& text, const std::string& words,
                             mode_t mode = 0600) {
        write_file(users.settings, text);
        REQUIRE(::chmod(users.settings.c_str(), mode) == 0);
        test_misuse(users, words);
        REQUIRE(::chmod(users.settings.c_str(), 0600) == 0);
    };
    const std::string query = "user_query = SELECT email AS login, password AS hash FROM users "
                              "WHERE email = :login\n";
    const std::string change = "set_query = UPDATE users SET password = :hash WHERE email = :login "
                               "AND password = :old_hash\n";
    const std::string connect = "connect = " + users.path + "\n";
    misused(query + change, "connect must be set");
    misused("connect = users.db\n" + query + change, "connect must be the absolute path");
    misused(connect + query + change + "password = x\n",
            "SQLite has no check_hosts and no password: remove them");
    misused(connect + query + change + "check_hosts = x\n",
            "SQLite has no check_hosts and no password: remove them");
    misused(connect + query + change + "scheme = ROT13\n",
            "the scheme ROT13 is not known: poppass-sql(5) has those that are");
    misused(connect + query + change + "scheme = PLAIN\nprefix = no\n",
            "need a prefix: set prefix = keep");
    misused(connect + query + change + "timeout = 60\n", "POPPASS_RUN allows 60");
    misused(connect + query + change, "may be read or written by others", 0644);
    misused(connect + query + change, "may be read or written by others", 0620);
    write_file(users.settings, connect + query);
    CHECK(run(users.check(joe, "old")).status == 0);
    const auto no_change = run(users.change(joe, "old", "new"));
    CHECK(no_change.status == 2);
    CHECK(has(no_change.err, "set_query must be set"));
    const auto asked = [&](const std::string& text, const Program& program) {
        write_file(users.settings, text);
        return run(program);
    };
    for (const std::string wrong :
         {"SELECT email AS login FROM users WHERE email = :login",
          "SELECT email AS login, password AS hash, 1 AS HASH FROM users WHERE email = :login",
          "SELECT email AS login, pasword AS hash FROM users WHERE email = :login",
          "SELECT \"no\" AS login, password AS hash FROM users WHERE email = :login",
          "SELECT email AS login, password AS hash FROM nothing WHERE email = :login"}) {
        CAPTURE(wrong);
        const auto text = connect + "user_query = " + wrong + "\n" + change;
        CHECK(asked(text, users.check(joe, "old")).status == 2);
        CHECK(asked(text, users.change(joe, "old", "new")).status == 2);
    }
    // The number of hosts times the time-out is what a chain may take.
    auto program = users.check(joe, "old");
    program.environment = {{"POPPASS_RUN", "5"}};
    CHECK(asked(connect + query, program).status == 2);
    program.environment = {{"POPPASS_RUN", "6"}};
    CHECK(asked(connect + query, program).status == 0);
}

TEST_CASE("no hostile login finds a foreign user, and none changes a foreign row") {
    const SqliteUsers users;
    users.configure(quick);
    const auto schema = users.sql("SELECT * FROM sqlite_schema");
    test_hostile_logins(users);
    CHECK(users.sql("SELECT * FROM sqlite_schema") == schema);
}

TEST_CASE("a hostile password is a password, as long as it is the user's own") {
    const SqliteUsers users;
    users.configure(quick);
    users.give("{PLAIN}old");
    test_hostile_passwords(users, 3);
}

TEST_CASE("a user has one name, however the client writes it") {
    const SqliteUsers users;
    users.configure(quick);
    CHECK(run(users.change("JOE@X.org", "old", "new")).status == 0);
    CHECK(users.rows("email = 'joe@x.org'").at(0).starts_with("joe@x.org|"));
    CHECK(users.is_password("Joe@x.ORG", "new"));
    // Those who come after the check see the stored name.
    Words words{"--native", "--", built("next-link")};
    if (::geteuid() == 0) words.insert(words.begin() + 1, {"--virtual", "mail"});
    CHECK(parse_next_link(run(users.check("jOe@x.org", "new", words)).out).environment["USER"] ==
          "joe@x.org");
    // Another spelling is another user, however loosely the database compares: the guard counts
    // each spelling alone.
    const auto settings_with = [&](const std::string& columns) {
        write_file(users.settings,
                   "connect = " + users.path + "\nuser_query = SELECT " + columns +
                       ", password AS hash FROM users WHERE replace(email, '.', '') = "
                       "replace(lower(:login), '.', '')\n"
                       "set_query = UPDATE users SET password = :hash WHERE email = :login AND "
                       "password = :old_hash\n");
    };
    settings_with("email AS login");
    CHECK(users.is_password("JOE@x.org", "new"));
    const auto other = run(users.check("j.oe@xorg", "new"));
    CHECK(other.status == 1);
    CHECK(has(other.err, "the login finds the row of joe@x.org, whose columns login and alias "));
    CHECK(run(users.change("j.oe@xorg", "new", "newer")).out == wrong_words);
    CHECK(users.is_password(joe, "new"));
    // A user may have one more name.
    settings_with("email AS login, 'j.oe@xorg' AS alias");
    CHECK(users.is_password("J.OE@xorg", "new"));
    CHECK(users.is_password(joe, "new"));
    CHECK_FALSE(users.is_password("jo.e@xorg", "new"));
    CHECK(run(users.change("j.oe@xorg", "new", "newest")).status == 0);
    CHECK(run(users.change(joe, "newest", "new")).status == 0);
    // A collation that takes several rows for one user is trouble, and nobody's password counts.
    users.sql("CREATE TABLE more AS SELECT * FROM users;"
              "INSERT INTO more SELECT upper(email), password, 0, 0, 0 FROM users;"
              "DROP TABLE users; ALTER TABLE more RENAME TO users");
    users.configure(quick);
    users.replace("WHERE email = :login", "WHERE lower(email) = lower(:login)");
    const auto two = run(users.check(joe, "new"));
    CHECK(two.status == 111);
    CHECK(has(two.err, "user_query finds more than one row"));
    const auto changed = run(users.change(joe, "new", "newer"));
    CHECK(changed.status == 111);
    CHECK(changed.out == nothing_words);
}

TEST_CASE(
    "the row tells the ids of a native chain if the settings are root's, and never root's ids") {
    if (missing(::geteuid() == 0, "root")) return;
    const SqliteUsers users;
    const auto ids = [&](const std::string& columns) {
        write_file(users.settings, "connect = " + users.path +
                                       "\nuser_query = SELECT email AS login, password AS hash" +
                                       columns + " FROM users WHERE email = :login\n");
        return run(users.check(joe, "old", {"--native", "--", built("next-link")}));
    };
    const auto good = ids(", 64001 AS uid, 64002 AS gid, '/tmp' AS home");
    const auto next = parse_next_link(good.out);
    REQUIRE(next.ran);
    CHECK(next.uids == std::vector<uid_t>{64001, 64001, 64001});
    CHECK(next.gids == std::vector<gid_t>{64002, 64002, 64002});
    CHECK(next.environment.at("HOME") == "/tmp");
    // They do not count if somebody else can write the database.
    REQUIRE(::chmod(users.path.c_str(), 0660) == 0);
    CHECK(ids(", 64001 AS uid, 64002 AS gid").status == 111);
    REQUIRE(::chmod(users.path.c_str(), 0640) == 0);
    // With --virtual the others become that account.
    for (const std::string columns : {"", ", 64001 AS uid, 64002 AS gid, '/tmp' AS home"}) {
        auto program =
            users.check(joe, "old", {"--native", "--virtual", "mail", "--", built("next-link")});
        ids(columns);
        const auto report = parse_next_link(run(program).out);
        REQUIRE(report.ran);
        CHECK((report.uids[0] == 64001) == !columns.empty());
        CHECK(report.uids[0] != 0);
    }
    for (const std::string bad : {", 0 AS uid, 0 AS gid", ", 64001 AS uid", ", -1 AS uid, 5 AS gid",
                                  ", 'x' AS uid, 5 AS gid", ", 4294967296 AS uid, 5 AS gid"}) {
        CAPTURE(bad);
        CHECK(ids(bad).status == 111);
    }
    // A name of the database is not an account of the system.
    ids("");
    for (const std::string service : {"daemon", "nobody"}) {
        CAPTURE(service);
        Sqlite{users.path}.run("UPDATE users SET email = ? WHERE email <> 'ann@x.org'", {service});
        const auto outcome =
            run(users.check(service, "old", {"--native", "--", built("next-link")}));
        CHECK(outcome.status == 1);
        CHECK(has(outcome.err, "an account of the system"));
    }
}

TEST_CASE("of those who change the same user at once one wins, and the others are told") {
    const SqliteUsers users;
    users.configure(quick + "timeout = 30\n");
    test_race(users);
}

TEST_CASE("a locked database is waited for, and no longer than the time-out") {
    const SqliteUsers users;
    users.configure(quick + "timeout = 2\n");
    for (const std::string mode : {"delete", "wal"}) {
        CAPTURE(mode);
        users.sql("PRAGMA journal_mode = " + mode);
        users.give("{PLAIN}old");
        const Sqlite other{users.path};
        other.run("BEGIN IMMEDIATE");
        CHECK(users.is_password(joe, "old")); // readers are not kept out
        const auto begin = std::chrono::steady_clock::now();
        const auto outcome = run(users.change(joe, "old", "new"));
        const auto took = std::chrono::steady_clock::now() - begin;
        CHECK(outcome.status == 111);
        CHECK(outcome.out == nothing_words);
        CHECK(has(outcome.err, "database is locked"));
        CHECK(took > std::chrono::seconds{1});
        CHECK(took < std::chrono::seconds{10});
        std::thread later{[&] {
            std::this_thread::sleep_for(std::chrono::milliseconds{500});
            other.run("ROLLBACK");
        }};
        CHECK(run(users.change(joe, "old", "new")).status == 0);
        later.join();
        CHECK(users.is_password(joe, "new"));
    }
}

TEST_CASE("a query that takes too long is ended") {
    const SqliteUsers users;
    users.configure("timeout = 1\n");
    users.replace("WHERE email = :login",
                  "WHERE email = :login AND (SELECT count(*) FROM big a, big b, big c) > 0");
    users.sql("CREATE TABLE big (x); INSERT INTO big VALUES (1);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
              "INSERT INTO big SELECT i FROM n");
    const auto outcome = run(users.check(joe, "old"));
    CHECK(outcome.status == 111);
    CHECK(has(outcome.err, "interrupted"));
}

TEST_CASE("a database that cannot be read is trouble, and a missing one is not made") {
    const SqliteUsers users;
    const std::string away = users.path + ".away";
    REQUIRE(::rename(users.path.c_str(), away.c_str()) == 0);
    CHECK(run(users.check(joe, "old")).status == 111);
    CHECK(run(users.change(joe, "old", "new")).status == 111);
    CHECK(::access(users.path.c_str(), F_OK) != 0);
    write_file(users.path, "this is no database at all, but it is long enough to be read as one");
    CHECK(run(users.check(joe, "old")).status == 111);
    REQUIRE(::unlink(users.path.c_str()) == 0);
    REQUIRE(::mkfifo(users.path.c_str(), 0600) == 0);
    CHECK(run(users.check(joe, "old")).status == 111);
    CHECK(run(users.change(joe, "old", "new")).out == nothing_words);
}

TEST_CASE("a row that does not take the new hash keeps the old one") {
    const auto refused = [](const std::string& sql, const std::string& words) {
        CAPTURE(sql);
        const SqliteUsers users;
        users.configure(quick);
        users.sql(sql);
        test_refusal(users, words);
    };
    refused("CREATE TRIGGER t AFTER UPDATE ON users BEGIN "
            "UPDATE users SET password = substr(new.password, 1, 50) WHERE email = new.email; END",
            "the row does not hold the new hash");
    refused("CREATE TRIGGER t BEFORE UPDATE ON users BEGIN SELECT raise(IGNORE); END",
            "matched 0 rows");
    refused("CREATE TRIGGER t BEFORE UPDATE ON users BEGIN SELECT raise(ABORT, 'not today'); END",
            "not today");
    refused("CREATE TRIGGER t AFTER UPDATE ON users BEGIN DELETE FROM users WHERE email = "
            "new.email; END",
            "the row does not hold the new hash");
    refused("CREATE TABLE u (email TEXT, password TEXT CHECK (length(password) < 100), locked, "
            "expired, changed); INSERT INTO u SELECT * FROM users; DROP TABLE users; "
            "ALTER TABLE u RENAME TO users",
            "CHECK constraint failed");
    refused("UPDATE users SET password = CAST(password AS BLOB)", "matched 0 rows");
}

TEST_CASE("a stored name that finds another row changes nobody's password") {
    const SqliteUsers users;
    users.sql("INSERT INTO users VALUES ('bob@x.org', '{PLAIN}old', 0, 0, 0)");
    for (const std::string stored : {"ann@x.org", "gone@x.org"}) {
        CAPTURE(stored);
        users.configure(quick);
        users.replace("SELECT email AS login",
                      "SELECT CASE email WHEN 'joe@x.org' THEN '" + stored +
                          "' WHEN 'ann@x.org' THEN 'bob@x.org' ELSE email END AS login, "
                          "email AS alias");
        users.give("{PLAIN}old");
        users.give("{PLAIN}old", ann);
        test_refusal(users, "user_query does not find the stored name again");
    }
}

#ifdef POPPASS_LINUX
TEST_CASE("a file that is replaced during a change is not told as changed") {
    for (const std::string mode : {"delete", "wal"}) {
        CAPTURE(mode);
        const SqliteUsers users;
        users.configure(quick + "timeout = 20\n");
        users.give("{PLAIN}old");
        const std::string copy = users.directory.file("copy");
        users.sql("VACUUM INTO '" + copy + "'");
        users.sql("PRAGMA journal_mode = " + mode);
        const Sqlite other{users.path};
        other.run("BEGIN IMMEDIATE");
        Process setter{users.change(joe, "old", "new")};
        const std::string descriptors = "/proc/" + std::to_string(setter.pid()) + "/fd";
        const auto is_open = [&] {
            std::error_code error;
            for (const auto& entry : std::filesystem::directory_iterator{descriptors, error})
                if (std::filesystem::read_symlink(entry.path(), error) == users.path) return true;
            return false;
        };
        REQUIRE(setter.run_until(is_open));
        REQUIRE(::rename(copy.c_str(), users.path.c_str()) == 0);
        other.run("ROLLBACK");
        const auto outcome = setter.wait();
        CHECK(outcome.status == 111);
        CHECK(outcome.out == nothing_words);
        CHECK_MESSAGE((mode == "delete" || has(outcome.err, "was replaced")), outcome.err);
    }
}
#endif

TEST_CASE("a schema that asks for too much memory or time gets neither") {
    const SqliteUsers users;
    std::string sql = "ALTER TABLE users RENAME TO v0;";
    for (int i = 0; i < 60; ++i) sql += "ALTER TABLE v0 ADD c" + std::to_string(i) + ";";
    for (int i = 1; i <= 15; ++i) {
        const std::string before = "v" + std::to_string(i - 1);
        sql += "CREATE VIEW v" + std::to_string(i) + " AS SELECT * FROM " + before +
               " UNION ALL SELECT * FROM " + before + " WHERE 0;";
    }
    users.sql(sql + "CREATE VIEW users AS SELECT * FROM v15");
    users.configure("timeout = 2\n");
    rusage after{};
    for (auto program : {users.check(joe, "old"), users.change(joe, "old", "new")}) {
        program.before_exec = [] {
            const rlimit limit{1u << 30u, 1u << 30u};
            ::setrlimit(RLIMIT_AS, &limit);
        };
        const auto outcome = run(program);
        CHECK(outcome.status == 111);
        CHECK_MESSAGE(
            (has(outcome.err, "out of memory") || has(outcome.err, "took longer than its limit")),
            outcome.err);
    }
    ::getrusage(RUSAGE_CHILDREN, &after);
    MESSAGE("the largest child had " << after.ru_maxrss << " kB");
    if (hardened) CHECK(after.ru_maxrss < 150'000);
}

TEST_CASE("several statements are one transaction") {
    const SqliteUsers users;
    users.sql("CREATE TABLE log (who, at, was); CREATE TABLE sessions (who);"
              "INSERT INTO sessions VALUES ('joe@x.org'), ('ann@x.org')");
    const std::string more = " ; -- and more; of it\n"
                             "  DELETE FROM sessions WHERE who = :login;\n"
                             "  INSERT INTO log VALUES (:local || '/' || :domain, :now, :ip)\n";
    write_file(users.settings, read_file(users.settings) + more + quick);
    auto program = users.change("Joe@x.org", "old", "new");
    program.environment = {{"TCPREMOTEIP", "2001:db8::1"}};
    CHECK(run(program).status == 0);
    const Sqlite database{users.path};
    CHECK(database.run("SELECT * FROM sessions") == Words{"ann@x.org"});
    CHECK(database.run("SELECT who, was FROM log") == Words{"joe/x.org|2001:db8::1"});
    // The last one fails: none of them counts.
    database.run("DROP TABLE log; CREATE TABLE log (who, at CHECK (at < 0), was);"
                 "INSERT INTO sessions VALUES ('joe@x.org')");
    CHECK(run(users.change(joe, "new", "newer")).out == nothing_words);
    CHECK(users.is_password(joe, "new"));
    CHECK(database.run("SELECT count(*) FROM sessions") == Words{"2"});
}

TEST_CASE("the modes and the owner of the database and of the files beside it are kept") {
    if (missing(::geteuid() == 0, "root")) return;
    const SqliteUsers users;
    users.configure(quick);
    users.give("{PLAIN}old");
    users.sql("PRAGMA journal_mode = wal");
    REQUIRE(::chown(users.directory.path().c_str(), 64001, 64002) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 64002) == 0);
    REQUIRE(::chmod(users.path.c_str(), 0640) == 0);
    const Sqlite reader{users.path}; // keeps the files beside it
    reader.run("SELECT * FROM users");
    for (const std::string suffix : {"", "-wal", "-shm"}) {
        CHECK(::unlink((users.path + (suffix.empty() ? "-none" : suffix)).c_str()) ==
              (suffix.empty() ? -1 : 0));
    }
    CHECK(run(users.change(joe, "old", "new")).status == 0);
    const auto same = [&](const std::string& suffix, bool needed) {
        CAPTURE(suffix);
        struct stat status {};
        const bool there = ::stat((users.path + suffix).c_str(), &status) == 0;
        CHECK((there || !needed));
        if (!there) return;
        CHECK(status.st_uid == 64001);
        CHECK(status.st_gid == 64002);
        CHECK((status.st_mode & 07777) == 0640);
    };
    same("", true);
    same("-wal", false);
    same("-shm", false);
    // One that stops in the middle leaves its files, and they are the owner's too.
    const Sqlite writer{users.path};
    writer.run("BEGIN IMMEDIATE");
    writer.run("UPDATE users SET changed = 1");
    same("-wal", true);
    same("-shm", true);
}

TEST_CASE("a checker that may only read works beside a log, with and without a writer") {
    if (missing(::geteuid() == 0, "root")) return;
    const SqliteUsers users;
    users.configure(quick);
    users.give("{PLAIN}old");
    REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(users.path.c_str(), 0644) == 0);
    REQUIRE(::chown(users.settings.c_str(), 65534, 65534) == 0);
    const std::string program = reachable("checkpw-sqlite", users.directory);
    const auto check = [&](const std::string& password) {
        auto checker = users.check(joe, password);
        checker.argv[0] = program;
        checker.as = nobody;
        const auto outcome = run(checker);
        INFO(outcome.err);
        return outcome.status;
    };
    for (const std::string mode : {"delete", "persist", "truncate", "wal"}) {
        CAPTURE(mode);
        users.give("{PLAIN}old");
        users.sql("PRAGMA journal_mode = " + mode);
        CHECK(check("old") == 0);
        CHECK(check("wrong") == 1);
        Sqlite writer{users.path};
        writer.run("PRAGMA journal_mode = " + mode);
        writer.run("UPDATE users SET password = '{PLAIN}newer' WHERE email = 'joe@x.org'");
        CHECK(check("newer") == 0);
        CHECK(check("old") == 1);
        writer.run("BEGIN IMMEDIATE");
        writer.run("UPDATE users SET password = '{PLAIN}not yet' WHERE email = 'joe@x.org'");
        CHECK(check("newer") == 0);
        writer.run("ROLLBACK");
    }
}

TEST_CASE("a checker that may only read sees whole rows while others write") {
    if (missing(::geteuid() == 0, "root")) return;
    const SqliteUsers users;
    users.configure(quick);
    users.give("{PLAIN}old");
    REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(users.path.c_str(), 0644) == 0);
    const std::string program = reachable("checkpw-sqlite", users.directory);
    users.sql("PRAGMA journal_mode = wal");
    REQUIRE(::chown(users.settings.c_str(), 65534, 65534) == 0);
    std::atomic<bool> stop = false;
    std::thread writer{[&] {
        // Each of these opens the database, and closes it again with all its files.
        for (int i = 0; !stop; ++i)
            Sqlite{users.path}.run("UPDATE users SET changed = ?", {std::string(i % 900, 'x')});
    }};
    int right = 0;
    for (int i = 0; i < 40; ++i) {
        auto checker = users.check(joe, "old");
        checker.argv[0] = program;
        checker.as = nobody;
        const auto outcome = run(checker);
        CHECK_MESSAGE((outcome.status == 0 || outcome.status == 111), outcome.err);
        right += outcome.status == 0 ? 1 : 0;
    }
    stop = true;
    writer.join();
    CHECK(right > 20);
    MESSAGE(right << " of 40 checks were answered");
}

TEST_CASE("--check says what is right and what is wrong") {
    const SqliteUsers users;
    REQUIRE(::chmod(users.path.c_str(), 0640) == 0);
    for (const std::string program : {"checkpw", "setpw"}) {
        CAPTURE(program);
        const auto good = users.look_over(program);
        CHECK(good.status == 0);
        CHECK(has(good.out, "finds no row for a login that does not exist"));
        CHECK(has(good.out, "set_query can be prepared") == (program == "setpw"));
        REQUIRE(::chmod(users.path.c_str(), 0644) == 0);
        const auto readable = users.look_over(program);
        CHECK(readable.status == 1);
        CHECK(has(readable.out, "can stop changes by holding it locked"));
        REQUIRE(::chmod(users.path.c_str(), 0646) == 0);
        CHECK(users.look_over(program).status == 2);
        REQUIRE(::chmod(users.path.c_str(), 0640) == 0);
    }
    users.replace("WHERE email = :login\n", "WHERE email = :login OR 1\n");
    const std::string correct =
        "; correct " + users.settings + ", or what the database account may do\"";
    CHECK(has(users.look_over("checkpw").out, "more than one row" + correct));
    users.replace("OR 1\n", "OR email = 'joe@x.org'\n");
    CHECK(has(users.look_over("checkpw").out, "finds a row for a login that does not exist"));
    users.replace(" OR email = 'joe@x.org'", "");
    users.replace("expired\n", "expired, changed\n");
    const auto warned = users.look_over("checkpw");
    CHECK(warned.status == 1);
    CHECK(
        has(warned.out, "a column that nothing reads: changed: remove it, or correct its name\""));
    users.replace("SET password", "SET pasword");
    CHECK(users.look_over("checkpw").status == 1);
    const auto wrong = users.look_over("setpw");
    CHECK(wrong.status == 2);
    CHECK(has(wrong.out, "no such column: pasword" + correct));
    users.replace("connect = ", "connect = /no/such");
    CHECK(has(users.look_over("checkpw").out,
              "No such file or directory; mend this, or correct connect in " + users.settings +
                  "\""));
    write_file(users.settings, "connect = x\n");
    const auto missing_query = users.look_over("setpw");
    CHECK(missing_query.status == 2);
    CHECK(has(missing_query.out, "user_query must be set"));
    CHECK(users.is_password(joe, "old") == false); // the settings are wrong: nothing is right
}
