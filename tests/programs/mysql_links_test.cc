// checkpw-mysql and setpw-mysql with a real MariaDB.
#include "support/mariadb_server.hh"
#include "support/odd_server.hh"

#include <csignal>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

using namespace poppass::test;

namespace {

// One server for all cases, which begin with a new table each.
MariadbServer& the_server() {
    static MariadbServer server;
    static const bool started = (server.start(), true);
    (void)started;
    return server;
}

} // namespace

TEST_CASE("a check: right, wrong, unknown, locked, expired, without a hash") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    test_check(users);
    users.set("locked = 2");
    CHECK(users.status(joe, "old") == 111);
}

TEST_CASE("a user or a password that is not known goes to the next link, with the same record") {
    if (no_mariadb()) return;
    test_next_link(MariadbUsers{the_server()});
}

TEST_CASE("a change: the new password counts, the old one does not, and no other row changes") {
    if (no_mariadb()) return;
    test_change(MariadbUsers{the_server()});
}

TEST_CASE("no hostile login finds a foreign user, and none changes a foreign row") {
    if (no_mariadb()) return;
    const struct {
        std::string mode, table;
    } servers[] = {
        {"", " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"},
        {"NO_BACKSLASH_ESCAPES", " CHARACTER SET latin1 COLLATE latin1_nopad_bin"},
        {"ANSI,PAD_CHAR_TO_FULL_LENGTH,ALLOW_INVALID_DATES",
         " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"},
    };
    for (std::size_t number = 0; number < std::size(servers); ++number) {
        const auto& [mode, table] = servers[number];
        CAPTURE(mode);
        CAPTURE(table);
        the_server().run("SET GLOBAL sql_mode = '" + mode + "'");
        const MariadbUsers users{the_server(), table};
        // All texts meet one server, and every third one each of the others.
        test_hostile_logins(users, number, number == 0 ? 1 : 3);
    }
    the_server().run("SET GLOBAL sql_mode = DEFAULT");
}

TEST_CASE("a hostile password is a password, as long as it is the user's own") {
    if (no_mariadb()) return;
    test_hostile_passwords(MariadbUsers{the_server()}, 7);
}

TEST_CASE("a user has one name, however a collation lets the client write it") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    std::string now = "old";
    int number = 0;
    for (const std::string login : {"JOE@X.org", "joe@x.org ", "JoE@X.ORG  "}) {
        CAPTURE(login);
        const std::string next = "new" + std::to_string(++number);
        CHECK(run(users.change(login, now, next)).status == 0);
        now = next;
        CHECK(users.rows("email = 'joe@x.org'").at(0).starts_with("joe@x.org\t"));
        const auto native = run(
            users.check(login, now, {"--native", "--virtual", "mail", "--", built("next-link")}));
        CHECK(parse_next_link(native.out).environment["USER"] == joe);
    }
    // The guard counts each spelling alone, so those that only the collation takes for equal are
    // unknown users.
    for (const std::string login :
         {"jo\xc3\xab@x.org", "j\xc3\xb6\xc3\xa9@X.ORG  ", "joe@x\xef\xbc\x8eorg"}) {
        CAPTURE(login);
        CHECK(run(users.check(login, now)).status == 1);
        CHECK(run(users.change(login, now, "new")).out == wrong_words);
    }
    CHECK(users.is_password(joe, now));
    CHECK(users.rows().size() == 2);
    // A CHAR column is filled with blanks, which are not a part of its value.
    users.sql("ALTER TABLE users MODIFY email CHAR(64), MODIFY password CHAR(200)");
    CHECK(run(users.change("Joe@x.org", now, "last")).status == 0);
    CHECK(users.is_password(joe, "last"));
}

TEST_CASE("of those who change the same user at once one wins, and the others are told") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.configure({{"timeout", "30"}});
    test_race(users);
}

TEST_CASE("a locked row is waited for, and no longer than the time-out") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.give("{PLAIN}old");
    users.configure({{"timeout", "2"}});
    Process holder{{.argv = {"mariadb", "--no-defaults", "-uroot", "-n", "-N", "-S",
                             users.server.socket(), "mail"},
                    .timeout = milliseconds{60'000}}};
    holder.send("BEGIN; SELECT 'held' FROM users WHERE email = 'joe@x.org' FOR UPDATE;\n");
    REQUIRE(holder.run_until_out("held"));
    const auto late = run(users.change(joe, "old", "new"));
    CHECK(late.status == 111);
    CHECK(late.out == nothing_words);
    CHECK(users.is_password(joe, "old")); // a check does not wait
    users.configure({{"timeout", "20"}});
    Process waiting{users.change(joe, "old", "new")};
    holder.send("DO SLEEP(1); COMMIT; SELECT 'free';\n");
    REQUIRE(holder.run_until_out("free"));
    CHECK(waiting.wait().status == 0);
    CHECK(users.is_password(joe, "new"));
}

TEST_CASE("a row that does not take the new hash keeps the old one") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.give("{PLAIN}old");
    users.sql("ALTER TABLE users MODIFY password VARCHAR(40)");
    test_refusal(users, "error 1406 (22001)");
    users.sql("ALTER TABLE users MODIFY password VARCHAR(255);"
              "CREATE TRIGGER cut BEFORE UPDATE ON users FOR EACH ROW "
              "SET NEW.password = LEFT(NEW.password, 20)");
    test_refusal(users, "does not hold the new hash");
    users.sql("DROP TRIGGER cut; CREATE TRIGGER no BEFORE UPDATE ON users FOR EACH ROW "
              "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not {SSHA512} today'");
    test_refusal(users, "error 1644 (45000)");
    users.sql("DROP TRIGGER no");
    // Wrong statements: one matches no row, because its old hash is wrong, and one matches two.
    users.configure({{"set_query", "UPDATE users SET password = :hash WHERE email = :login "
                                   "AND password = CONCAT(:old_hash, 'x')"}});
    test_refusal(users, "matched 0 rows");
    users.configure({{"set_query", "UPDATE users SET password = :hash WHERE email = :login "
                                   "OR password <> :old_hash"}});
    test_refusal(users, "matched 2 rows");
}

TEST_CASE("no password and no hash comes into the log by the words of a trigger") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    const std::string old = "oldsecretword", fresh = "newsecretword";
    const struct {
        std::string state, more, words, logged;
    } cases[] = {
        {"HY000", "", "'row ', OLD.password, ' frozen'", "error 1644 (HY000)"},
        {"42000", "", "'row ', OLD.password, ' frozen'", "error 1644 (42000)"},
        {"40001", "", "'row ', OLD.password, ' frozen'", "error 1644 (40001)"},
        {"08S01", "", "'row ', OLD.password, ' frozen'", "error 1644 (08S01)"},
        {"02000", "", "'row ', OLD.password, ' frozen'", "error 1643 (02000)"},
        // With a number of its own the words are shown, unless they tell something.
        {"HY000", ", MYSQL_ERRNO = 1105", "'not today'", "execute: not today"},
        {"HY000", ", MYSQL_ERRNO = 1105", "'row ', OLD.password, ' frozen'", "execute: withheld"},
        {"HY000", ", MYSQL_ERRNO = 1105", "'row ', SUBSTR(OLD.password, 8)", "execute: withheld"},
        {"HY000", ", MYSQL_ERRNO = 1105", "'row ', NEW.password, ' is new'", "execute: withheld"},
        {"HY000", ", MYSQL_ERRNO = 1105", "'row ', SUBSTR(NEW.password, 10)", "execute: withheld"},
    };
    for (const auto& [state, more, words, logged] : cases) {
        CAPTURE(state);
        CAPTURE(words);
        users.give("{PLAIN}" + old);
        users.sql("DROP TRIGGER IF EXISTS frozen;\nDELIMITER //\n"
                  "CREATE TRIGGER frozen BEFORE UPDATE ON users FOR EACH ROW BEGIN "
                  "DECLARE words VARCHAR(128) DEFAULT LEFT(CONCAT(" +
                  words + "), 128); SIGNAL SQLSTATE '" + state + "' SET MESSAGE_TEXT = words" +
                  more + "; END //\nDELIMITER ;\n");
        const auto outcome = run(users.change(joe, old, fresh));
        users.sql("DROP TRIGGER frozen");
        CHECK((outcome.status == 111 || outcome.status == 2));
        CHECK_MESSAGE(has(outcome.err, logged), outcome.err);
        for (const std::string part : {"secretword", "{PLAIN}", "{SSHA512}"})
            CHECK_MESSAGE(!has(outcome.err + outcome.out, part), outcome.err);
    }
    CHECK(users.is_password(joe, old));
}

TEST_CASE("several statements are one transaction, and need tables that have transactions") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.give("{PLAIN}old");
    users.sql("DROP TABLE IF EXISTS history; CREATE TABLE history (email VARCHAR(255), "
              "at BIGINT, UNIQUE (at)); GRANT SELECT, INSERT ON history TO "
              "links@localhost");
    const std::string both = users.set_query + "; INSERT INTO history VALUES (:login, 7)";
    users.configure({{"set_query", both}});
    CHECK(run(users.change(joe, "old", "new")).status == 0);
    CHECK(users.sql("SELECT * FROM history") == Words{"joe@x.org\t7"});
    const auto twice = run(users.change(joe, "new", "newer"));
    CHECK(twice.status == 111);
    CHECK(twice.out == nothing_words);
    CHECK(users.is_password(joe, "new"));
    users.sql("ALTER TABLE history ENGINE = MyISAM");
    const auto mixed = run(users.change(joe, "new", "newer"));
    CHECK(mixed.status == 2);
    CHECK(has(mixed.err, "history (MyISAM)"));
    // One statement on such a table decides by itself.
    users.sql("DROP TABLE history; ALTER TABLE users ENGINE = MyISAM");
    users.configure();
    CHECK(run(users.change(joe, "new", "newer")).status == 0);
    CHECK(users.is_password(joe, "newer"));
    const auto looked = users.look_over("setpw");
    CHECK(looked.status == 1);
    CHECK(has(looked.out, "users (MyISAM)"));
}

TEST_CASE("what a table without transactions keeps after an error is not told as unchanged") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    const auto not_known = [&](const std::string& table) {
        const auto outcome = run(users.change(joe, "old", "new"));
        CHECK(outcome.status == 111);
        CHECK_MESSAGE(has(outcome.out, "the result is not known"), outcome.out);
        CHECK_MESSAGE(has(outcome.err, "does not hold the old hash"), outcome.err);
        CHECK(users.sql("SELECT password FROM " + table + " WHERE email = 'joe@x.org'").at(0) !=
              "{PLAIN}old");
    };
    // The second statement fails. The first one was executed in a table of another database, or by
    // a view of it, and only those tables of our own database are looked at.
    users.sql(
        "DROP TABLE IF EXISTS history; CREATE TABLE history (email VARCHAR(255), UNIQUE (email));"
        "INSERT INTO history VALUES ('joe@x.org'); CREATE DATABASE others;"
        "CREATE TABLE others.users ENGINE = MyISAM AS SELECT * FROM users;"
        "CREATE VIEW seen AS SELECT * FROM others.users;"
        "GRANT INSERT ON history TO links@localhost;"
        "GRANT SELECT, UPDATE ON others.users TO links@localhost;"
        "GRANT SELECT, UPDATE ON seen TO links@localhost");
    for (const std::string table : {"others.users", "seen"}) {
        CAPTURE(table);
        users.sql("UPDATE others.users SET password = '{PLAIN}old'");
        users.configure({{"user_query", "SELECT email AS login, password AS hash FROM " + table +
                                            " WHERE email = :login"},
                         {"set_query", "UPDATE " + table +
                                           " SET password = :hash "
                                           "WHERE email = :login AND password = :old_hash; "
                                           "INSERT INTO history VALUES (:login)"}});
        not_known(table);
    }
    users.sql("DROP VIEW seen; DROP DATABASE others");
    // A trigger makes another hash of it.
    users.give("{PLAIN}old");
    users.sql("ALTER TABLE users ENGINE = MyISAM; CREATE TRIGGER longer BEFORE UPDATE ON users "
              "FOR EACH ROW SET NEW.password = CONCAT(NEW.password, 'x')");
    users.configure();
    not_known("users");
    // The answer to the only statement is lost.
    users.sql("DROP TRIGGER longer");
    int stored = 0;
    for (int step = 1;; ++step) {
        CAPTURE(step);
        users.give("{PLAIN}old");
        const CutProxy proxy{users.server.port(), step, CutProxy::Deed::drop_answer};
        users.configure({{"connect", users.by_port(proxy.port())}, {"timeout", "25"}});
        const auto outcome = run(users.change(joe, "old", "new"));
        users.configure();
        const bool is_new = users.is_password(joe, "new");
        if (outcome.out == nothing_words) CHECK_FALSE(is_new);
        if (outcome.status == 0) CHECK(is_new);
        stored += is_new && outcome.status == 111 ? 1 : 0;
        if (!proxy.has_cut()) break;
    }
    CHECK(stored > 0);
}

TEST_CASE("servers are asked in turn; one that takes no writes is asked for checks only") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.give("{PLAIN}old");
    const std::string away = users.directory.file("nobody-listens-here");
    users.configure(
        {{"connect", "host=" + away + "," + users.server.socket() + " user=links dbname=mail"}});
    const auto checked = run(users.check(joe, "old"));
    CHECK(checked.status == 0);
    CHECK(has(checked.err, away));
    CHECK(run(users.change(joe, "old", "new")).status == 0);
    users.configure({{"connect", "host=" + away + " user=links dbname=mail"},
                     {"check_hosts", users.server.socket()}});
    CHECK(users.is_password(joe, "new"));
    const auto nowhere = run(users.change(joe, "new", "newer"));
    CHECK(nowhere.status == 111);
    CHECK(has(nowhere.err, "no server of the database could be asked"));
    users.configure();
    users.sql("SET GLOBAL read_only = 1");
    const auto passed = run(users.change(joe, "new", "newer"));
    CHECK_FALSE(users.is_password(joe, "new"));
    users.configure({{"check_hosts", users.server.socket()}});
    CHECK(users.is_password(joe, "new"));
    users.sql("SET GLOBAL read_only = 0");
    CHECK(passed.status == 111);
    CHECK(passed.out == nothing_words);
    CHECK(has(passed.err, "the server takes no writes"));
}

TEST_CASE("a server that says nothing, or too little, is left at the deadline") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.give("{PLAIN}old");
    const auto late = [&](int port, const Program& program) {
        users.configure({{"connect", users.by_port(port)}, {"timeout", "1"}});
        const auto outcome = run(program);
        CHECK(outcome.status == 111);
        CHECK_MESSAGE(has(outcome.err, "the server does not answer in time"), outcome.err);
    };
    // A greeting of MariaDB that never comes to its end, and servers that stop answering later.
    const std::string greeting = bytes("\x5f\0\0\0\x0a") + "11.4.0-MariaDB" + std::string(80, 'x');
    for (const auto& program : {users.check(joe, "old"), users.change(joe, "old", "new")}) {
        const SlowServer mute, slow{greeting};
        late(mute.port(), program);
        late(slow.port(), program);
        for (const int step : {1, 3, 5}) {
            const CutProxy holding{users.server.port(), step, CutProxy::Deed::hold_answer};
            late(holding.port(), program);
        }
    }
    users.configure();
    CHECK(users.is_password(joe, "old"));
}

TEST_CASE("an account whose password the server could read is not used without encryption") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    const Listener listener;
    users.configure({{"connect", users.by_port(listener.port())}, {"timeout", "2"}});
    // MySQL 8 asks for caching_sha2_password, and then for the whole exchange.
    const std::string greeting =
        bytes("\x4a\0\0\0\x0a") + bytes("8.0.30\0\7\0\0\0abcdefgh\0\xdf\xf7\x2d\2\0\x0f\0\x15") +
        std::string(10, '\0') + bytes("ijklmnopqrst\0caching_sha2_password\0");
    REQUIRE(greeting.size() == 4 + 0x4a);
    std::string sent;
    std::thread server{[&] {
        if (!first_ready({listener.fd()}, 5000)) return;
        const poppass::Fd client{::accept(listener.fd(), nullptr, nullptr)};
        (void)poppass::write_whole(client.get(), greeting);
        for (const auto& answer : {bytes("\2\0\0\2\1\4"), std::string{}}) {
            char block[4096];
            if (!first_ready({client.get()}, 5000)) return;
            const auto n = ::read(client.get(), block, sizeof block);
            if (n <= 0) return;
            sent.append(block, static_cast<std::size_t>(n));
            (void)poppass::write_whole(client.get(), answer);
        }
    }};
    const auto outcome = run(users.check(joe, "old"));
    server.join();
    CHECK(outcome.status == 111);
    // The next message would ask for a key of the server's, with which it could read the password.
    CHECK_FALSE(sent.ends_with(bytes("\1\0\0\3\2")));
    CHECK_MESSAGE(has(outcome.err, "caching_sha2_password"), outcome.err);
}

TEST_CASE("a connection that is cut anywhere in a change: the row is old or new, as was said") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    int changed = 0, unchanged = 0;
    for (const auto deed : {CutProxy::Deed::drop_request, CutProxy::Deed::drop_answer})
        for (int step = 1;; ++step) {
            CAPTURE(int(deed));
            CAPTURE(step);
            users.give("{PLAIN}old");
            const CutProxy proxy{users.server.port(), step, deed};
            users.configure({{"connect", users.by_port(proxy.port())}, {"timeout", "25"}});
            const auto outcome = run(users.change(joe, "old", "new"));
            users.configure();
            INFO(outcome.err);
            const bool is_new = users.is_password(joe, "new");
            CHECK(users.is_password(joe, "old") != is_new);
            // The row itself tells here what became of a lost answer, so it is always known.
            CHECK((outcome.status == 0) == is_new);
            if (outcome.status != 0) CHECK(outcome.out == nothing_words);
            if (!proxy.has_cut()) break;
            ++(is_new ? changed : unchanged);
        }
    CHECK(changed >= 1); // only the answer to the commit was lost
    CHECK(unchanged > 10);
}

TEST_CASE("a server that is killed in a change: the row is old or new, as was said") {
    if (no_mariadb()) return;
    MariadbServer& server = the_server();
    const MariadbUsers users{server};
    users.configure({{"timeout", "20"}});
    int known = 0;
    for (int round = 0; round < 4; ++round) {
        users.give("{PLAIN}old");
        Process changer{users.change(joe, "old", "new")};
        std::this_thread::sleep_for(milliseconds{5 * round});
        server.end(SIGKILL);
        server.start();
        const auto outcome = changer.wait();
        const bool is_new = users.is_password(joe, "new");
        CAPTURE(outcome.err);
        CHECK(users.is_password(joe, "old") != is_new);
        if (outcome.status == 0) CHECK(is_new);
        if (outcome.out == nothing_words) CHECK_FALSE(is_new);
        known += outcome.status == 0 || outcome.out == nothing_words ? 1 : 0;
    }
    CHECK(known > 0);
}

TEST_CASE("a connection that is not local needs a certificate of the server's name") {
    if (no_mariadb() || no_openssl()) return;
    const TemporaryDirectory directory;
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    const auto certificate = [&](const std::string& name, const std::string& names) {
        make_certificate(directory.file(name), names);
        REQUIRE(::chmod(directory.file(name + ".key").c_str(), 0644) == 0);
        return directory.file(name);
    };
    // Newer versions of the library do not look for 127.0.0.1 in a certificate.
    const std::string address = "127.0.0.2";
    const auto ours = certificate("ours", "IP:" + address);
    const auto other = certificate("other", "DNS:db.example.org");
    const auto listen_with = [&](const std::string& file) {
        return std::vector{"--ssl-cert=" + file, "--ssl-key=" + file + ".key",
                           "--bind-address=" + address};
    };
    MariadbServer server{listen_with(ours)}, misnamed{listen_with(other)};
    server.start();
    misnamed.start();
    const auto status = [&](const MariadbServer& at, const std::string& ca,
                            std::map<std::string, std::string> more = {{"tls", "verify"}}) {
        const MariadbUsers users{at};
        at.run("ALTER USER links@'127.0.0.1' REQUIRE SSL");
        more["connect"] = "host=" + address + " port=" + std::to_string(at.port()) +
                          " user=links dbname=mail" + (ca.empty() ? "" : " ssl_ca=" + ca);
        users.configure(more);
        const auto outcome = run(users.check(joe, "old"));
        if (outcome.status == 0) CHECK(run(users.change(joe, "old", "new")).status == 0);
        CHECK_FALSE(has(outcome.err, "sec'ret"));
        return outcome.status;
    };
    CHECK(status(server, ours) == 0);
    CHECK(status(server, other) == 111);
    CHECK(status(server, "") == 111); // the system's authorities do not know it
    CHECK(status(server, directory.file("nothing")) == 111);
    CHECK(status(misnamed, other) == 111);
    // On loopback nothing is encrypted unless the settings say so, and this account needs it.
    CHECK(status(server, ours, {}) == 111);
    CHECK(status(server, ours, {{"tls", "no"}}) == 111);
}

TEST_CASE(
    "a server that falls silent over TLS is left at the deadline, and the next one is asked") {
    if (no_mariadb() || no_openssl()) return;
    const TemporaryDirectory directory;
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    const std::string file = directory.file("ours");
    make_certificate(file, "DNS:localhost");
    REQUIRE(::chmod((file + ".key").c_str(), 0644) == 0);
    MariadbServer server{{"--ssl-cert=" + file, "--ssl-key=" + file + ".key"}};
    server.start();
    const MariadbUsers users{server};
    users.give("{PLAIN}old");
    const auto at = [](int port) { return "localhost:" + std::to_string(port); };
    const auto configure = [&](const std::string& hosts) {
        users.configure({{"connect", "host=" + hosts + " user=links dbname=mail ssl_ca=" + file},
                         {"tls", "verify"},
                         {"timeout", "1"}});
    };
    configure(at(server.port()));
    CHECK(users.is_password(joe, "old"));
    // In the handshake, at the login, and in statements.
    for (const int step : {1, 2, 3, 4, 6}) {
        CAPTURE(step);
        const CutProxy check_proxy{server.port(), step, CutProxy::Deed::hold_answer};
        configure(at(check_proxy.port()));
        const auto checked = run(users.check(joe, "old"));
        if (check_proxy.has_cut()) {
            CHECK(checked.status == 111);
            CHECK_MESSAGE(has(checked.err, "the server does not answer in time"), checked.err);
        }
        const CutProxy change_proxy{server.port(), step, CutProxy::Deed::hold_answer};
        configure(at(change_proxy.port()));
        const auto changed = run(users.change(joe, "old", "new"));
        CHECK(change_proxy.has_cut());
        CHECK(changed.status == 111);
        CHECK(changed.out == nothing_words);
        CHECK_MESSAGE(has(changed.err, "the server does not answer in time"), changed.err);
        const CutProxy first{server.port(), step, CutProxy::Deed::hold_answer};
        configure(at(first.port()) + "," + at(server.port()));
        CHECK(run(users.check(joe, "old")).status == 0);
    }
    configure(at(server.port()));
    CHECK(users.is_password(joe, "old"));
}

TEST_CASE("wrong settings are exit 2 before the record is read") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    const auto misused = [&](std::map<std::string, std::string> values, const std::string& words) {
        users.configure(std::move(values));
        test_misuse(users, words);
    };
    misused({{"connect", "host=127.0.0.1 user=links"}}, "must name user= and dbname=");
    misused({{"connect", "user=links dbname=mail password=x"}}, "connect may not contain password");
    misused({{"connect", "user=links dbname=mail port=0"}}, "port");
    misused({{"connect", "user=links dbname=mail user=x"}}, "there twice");
    misused({{"connect", "user= dbname=mail"}}, "user is empty");
    misused({{"connect", "user=links dbname=mail socket=run/s"}}, "an absolute path");
    misused({{"connect", "user=links dbname=mail socket=/s host=h"}}, "leave out socket=");
    for (const std::string host : {"127.0.0.1", "[::1]:3306"})
        misused({{"connect", "user=links dbname=mail host=" + host}, {"tls", "verify"}},
                "tls = verify needs a host's name");
    for (const std::string query :
         {"SELECT email AS login, pasword AS hash FROM users WHERE email = :login",
          "SELECT email AS login, password AS hash FROM nothing WHERE email = :login",
          "SELECT email AS login FROM users WHERE email = :login",
          "SELECT email AS login, password AS hash FROM users WHERE email = :login LIMIT"}) {
        CAPTURE(query);
        users.configure({{"user_query", query}});
        CHECK(run(users.check(joe, "old")).status == 2);
        CHECK(run(users.change(joe, "old", "new")).status == 2);
    }
}

TEST_CASE("--check says what is right and what is wrong") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.sql("CREATE USER IF NOT EXISTS reader@localhost IDENTIFIED BY 'sec''ret';"
              "GRANT SELECT ON users TO reader@localhost");
    const auto changing = users.look_over("setpw");
    CHECK_MESSAGE(changing.status == 0, changing.out);
    CHECK(has(changing.out, "set_query can be prepared"));
    CHECK(users.look_over("checkpw").status == 0); // the same settings and account serve both
    users.configure({{"connect", users.by_port(users.server.port())}});
    const auto port = users.look_over("checkpw");
    CHECK(port.status == 1);
    CHECK(has(port.out, "any account can listen on this port"));
    users.configure();
    users.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
    const auto unsafe = users.look_over("setpw");
    users.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    CHECK(unsafe.status == 1);
    CHECK(has(unsafe.out, "innodb_flush_log_at_trx_commit is 2; set it to 1"));
    users.configure({{"set_query", ""}});
    const auto too_much = users.look_over("checkpw");
    CHECK(too_much.status == 1);
    CHECK(has(too_much.out, "UPDATE of users.password"));
    users.configure({{"connect", "socket=" + users.server.socket() + " user=reader dbname=mail"}});
    CHECK(users.look_over("checkpw").status == 0);
    const auto may_not = users.look_over("setpw");
    CHECK(may_not.status == 2);
    CHECK(has(may_not.out, "denied"));
    for (const std::string grant :
         {"GRANT DELETE ON users TO reader@localhost", "GRANT UPDATE ON users TO reader@localhost",
          "GRANT CREATE ON mail.* TO reader@localhost", "GRANT FILE ON *.* TO reader@localhost"}) {
        users.sql(grant);
        const auto warned = users.look_over("checkpw");
        CHECK(warned.status == 1);
        CHECK_MESSAGE(has(warned.out, grant.substr(6, grant.find(' ', 6) - 6) + " "), warned.out);
    }
    users.sql("DROP USER reader@localhost");
    const auto gone = users.look_over("checkpw");
    CHECK(gone.status == 2);
    CHECK(has(gone.out, "Access denied"));
    users.configure({{"password", "guess"}});
    CHECK(users.look_over("checkpw").status == 2);
    CHECK(run(users.check(joe, "old")).status == 111);
}

TEST_CASE("an error in the place of any answer: the row is old or new, as was said") {
    if (no_mariadb()) return;
    const MariadbUsers users{the_server()};
    users.sql("DROP TABLE IF EXISTS history; CREATE TABLE history (email VARCHAR(255)); "
              "GRANT SELECT, INSERT ON history TO links@'127.0.0.1'");
    // What a proxy says that has lost its server. Only class 40 means that nothing was committed.
    const std::string words = "Connection killed";
    const std::string error = char(9 + words.size()) + bytes("\0\0\1\xff\x87\x07#HY000") + words;
    int lost = 0;
    for (int step = 1;; ++step) {
        CAPTURE(step);
        users.give("{PLAIN}old");
        users.sql("DELETE FROM history");
        const CutProxy proxy{users.server.port(), step, CutProxy::Deed::drop_answer, {}, error};
        users.configure({{"connect", users.by_port(proxy.port())},
                         {"set_query", users.set_query + "; INSERT INTO history VALUES (:login)"},
                         {"timeout", "25"}});
        const auto outcome = run(users.change(joe, "old", "new"));
        users.configure();
        INFO(outcome.err);
        const bool is_new = users.is_password(joe, "new");
        CHECK(users.is_password(joe, "old") != is_new);
        CHECK((outcome.status == 0) == is_new);
        if (outcome.status != 0) CHECK(outcome.out == nothing_words);
        // After a lost answer only the UPDATE of the hash is executed again.
        CHECK(users.sql("SELECT * FROM history").size() == (is_new ? 1U : 0U));
        if (!proxy.has_cut()) break;
        if (has(outcome.err, "the answer to the commit is lost: COMMIT: " + words)) {
            CHECK(is_new);
            ++lost;
        }
    }
    CHECK(lost == 1);
}
