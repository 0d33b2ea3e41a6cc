// checkpw-pgsql and setpw-pgsql with a real PostgreSQL server.
#include "support/odd_server.hh"
#include "support/pgsql_server.hh"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <libpq-fe.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace poppass::test;

namespace {

using Seconds = std::chrono::duration<double>;

const std::string secret = "password = secret\n";

// One server for all cases. A case that needs other settings of the server has its own.
const PgsqlUsers& fresh_users() {
    static const PgsqlUsers users;
    users.reset();
    return users;
}

struct Timed {
    Outcome outcome;
    double seconds;
};

Timed timed(const Program& program) {
    const auto begin = std::chrono::steady_clock::now();
    auto outcome = run(program);
    return {std::move(outcome), Seconds{std::chrono::steady_clock::now() - begin}.count()};
}

} // namespace

TEST_CASE("a check: right, wrong, unknown, locked, expired, without a hash") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    CHECK(users.status("JOE@x.org", "old") == 1);
    test_check(users);
}

TEST_CASE("a user or a password that is not known goes to the next link, with the same record") {
    if (no_pgsql()) return;
    test_next_link(fresh_users());
}

TEST_CASE("a change: the new password counts, the old one does not, and no other row changes") {
    if (no_pgsql()) return;
    test_change(fresh_users());
}

TEST_CASE("no hostile login finds a foreign user, and none changes a foreign row") {
    if (no_pgsql()) return;
    const PgsqlUsers users{"standard_conforming_strings = off\nbackslash_quote = on\n"};
    // The texts of the statements have literals too, in which a backslash must mean nothing.
    users.replace("WHERE email = :login", "WHERE email = :login AND email <> 'a\\' AND 1 = 1");
    test_hostile_logins(users);
}

TEST_CASE("a hostile password is a password, as long as it is the user's own") {
    if (no_pgsql()) return;
    test_hostile_passwords(fresh_users(), 9);
}

TEST_CASE("a user has one name, however the client writes it") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.sql("DROP TABLE IF EXISTS folded; CREATE COLLATION IF NOT EXISTS loose"
              " (provider = icu, locale = 'und-u-ks-level1', deterministic = false);"
              "CREATE TABLE folded (email char(40) COLLATE loose PRIMARY KEY,"
              " password char(160)); GRANT SELECT, UPDATE (password) ON folded TO mail;"
              "INSERT INTO folded VALUES ('joe@x.org', '{PLAIN}old'), "
              "('ann@x.org', '{PLAIN}old')");
    write_file(users.settings, "connect = " + users.server.on_loopback() + " user=mail\n" + secret +
                                   "user_query = SELECT email AS login, password AS hash\n"
                                   "  FROM folded WHERE email = :login\n"
                                   "set_query = UPDATE folded SET password = :hash\n"
                                   "  WHERE email = :login AND password = :old_hash\n"
                                   "scheme = SSHA512\n");
    // The padding of CHAR columns belongs neither to the name nor to the hash.
    Words words{"--native", "--", built("next-link")};
    if (::geteuid() == 0) words.insert(words.begin() + 1, {"--virtual", "mail"});
    std::string now = "old";
    for (const std::string login : {"joe@x.org", "JOE@X.org", "joe@x.org   "}) {
        CAPTURE(login);
        const auto next = parse_next_link(run(users.check(login, now, words)).out);
        REQUIRE(next.ran);
        CHECK(next.environment.at("USER") == "joe@x.org");
        CHECK(run(users.change(login, now, now + "er")).status == 0);
        now += "er";
        CHECK(users.is_password("joe@x.org", now));
    }
    // The guard counts each spelling alone, so those that only the collation takes for equal are
    // unknown users.
    for (const std::string login :
         {"jo\xc3\xab@x.org", "\xef\xbd\x8aoe@x.org", "joe\xe2\x80\x8b@x.org"}) {
        CAPTURE(login);
        const auto outcome = run(users.check(login, now));
        CHECK(outcome.status == 1);
        CHECK(has(outcome.err, "the login finds the row of joe@x.org, "));
        CHECK(run(users.change(login, now, "new")).out == wrong_words);
    }
    CHECK(users.is_password("joe@x.org", now));
    CHECK(users.is_password("ann@x.org", "old"));
}

TEST_CASE("a login that does not fit the type of a column is an unknown user") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.replace("AS hash", "AS hash, '5@x.org' AS alias");
    users.replace("WHERE email = :login", "WHERE :local::int = 5 AND email = 'joe@x.org'");
    CHECK(run(users.check("5@x.org", "old")).status == 0);
    for (const std::string odd : {"five", "5;", "99999999999999999999", "5'"}) {
        const auto outcome = run(users.check(odd, "old"));
        CHECK(outcome.status == 1);
        CHECK(outcome.err.empty());
    }
    // A new hash that does not fit is trouble, and no word of it is shown.
    users.reset("prefix = yes\n");
    users.sql("ALTER TABLE users ALTER password TYPE varchar(60)");
    test_refusal(users, "a value does not fit (SQLSTATE 22001)");
    users.sql("ALTER TABLE users ALTER password TYPE varchar(200)");
    CHECK(users.is_password(joe, "old"));
}

TEST_CASE("of those who change the same user at once one wins, and the others are told") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.reset("timeout = 30\n");
    test_race(users);
}

TEST_CASE("a row that does not take the new hash keeps the old one") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    const auto refused = [&](const std::string& body, const std::string& words,
                             const std::string& kind = "BEFORE UPDATE ON users FOR EACH ROW") {
        CAPTURE(body);
        users.reset();
        users.sql("CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ "
                  "BEGIN " +
                  body + " END $$; CREATE " + (kind.starts_with("AFTER") ? "CONSTRAINT " : "") +
                  "TRIGGER t " + kind + " EXECUTE FUNCTION f()");
        test_refusal(users, words);
        users.sql("DROP TRIGGER t ON users");
    };
    refused("RETURN NULL;", "matched 0 rows");
    refused("NEW.password = left(NEW.password, 50); RETURN NEW;",
            "the row does not hold the new hash");
    refused("RAISE 'not today';", "SQLSTATE P0001");
    const std::string late = "AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW";
    refused("RAISE 'not at the end';", "SQLSTATE P0001", late);
    refused("UPDATE users SET password = '{PLAIN}other' WHERE email = OLD.email"
            " AND password <> '{PLAIN}other'; RETURN NULL;",
            "the row does not hold the new hash", late);
    refused("RAISE numeric_value_out_of_range;", "SQLSTATE 22003", late);
    CHECK(users.is_password(joe, "old"));
}

TEST_CASE("a text of the database's own code is not logged if it may hold a hash") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.give("{PLAIN}oldsecretword");
    for (const std::string state : {"P0001", "22000", "23000", "HV000", "AB123", "01000", "42000",
                                    "0A000", "40001", "57014", "53100", "28000"}) {
        CAPTURE(state);
        const std::string whole = "'row ' || OLD || ' is frozen'", bare = "substr(OLD.password, 8)";
        for (const auto& text : {whole, bare, std::string{"NEW.password"}}) {
            CAPTURE(text);
            users.sql("CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                      "RAISE USING MESSAGE = " +
                      text + ", DETAIL = OLD, ERRCODE = '" + state +
                      "'; END $$; CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW "
                      "EXECUTE FUNCTION f()");
            const auto outcome = run(users.change(joe, "oldsecretword", "new"));
            users.sql("DROP TRIGGER t ON users");
            CHECK((outcome.status == 111 || outcome.status == 2));
            CHECK_MESSAGE((has(outcome.err, "SQLSTATE " + state) || has(outcome.err, "withheld")),
                          outcome.err);
            for (const std::string part : {"secret", "frozen", "{SSHA512}"})
                CHECK_MESSAGE(!has(outcome.err, part), outcome.err);
        }
    }
    CHECK(users.is_password(joe, "oldsecretword"));
}

TEST_CASE("several statements are one transaction") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.sql("DROP TABLE IF EXISTS log, sessions; CREATE TABLE log (who text, at bigint, "
              "address inet); CREATE TABLE sessions (who text);"
              "GRANT INSERT ON log TO mail; GRANT SELECT, DELETE ON sessions TO mail;"
              "INSERT INTO sessions VALUES ('joe@x.org'), ('ann@x.org')");
    write_file(users.settings,
               "connect = " + users.server.on_loopback() + " user=mail\n" + secret +
                   "user_query = SELECT email AS login, password AS hash FROM users WHERE email = "
                   ":login\nscheme = SSHA512\n"
                   "set_query = UPDATE users SET password = :hash WHERE email = :login AND "
                   "password = :old_hash; -- and more; of it\n"
                   "  DELETE FROM sessions WHERE who = :login;\n"
                   "  INSERT INTO log VALUES ($x$;$x$ || :local || '/' || :domain, :now, :ip)\n");
    auto program = users.change(joe, "old", "new");
    program.environment = {{"TCPREMOTEIP", "2001:db8::1"}};
    const auto outcome = run(program);
    CHECK_MESSAGE(outcome.status == 0, outcome.err);
    CHECK(users.sql("SELECT * FROM sessions") == Words{"ann@x.org"});
    CHECK(users.sql("SELECT who, address FROM log") == Words{";joe/x.org|2001:db8::1"});
    // The last one fails: none of them counts.
    users.sql("ALTER TABLE log ADD CHECK (at < 0) NOT VALID;"
              "INSERT INTO sessions VALUES ('joe@x.org')");
    CHECK(run(users.change(joe, "new", "newer")).out == nothing_words);
    CHECK(users.is_password(joe, "new"));
    CHECK(users.sql("SELECT count(*) FROM sessions") == Words{"2"});
}

TEST_CASE("wrong settings are exit 2 before the record is read") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    const auto misused = [&](const std::string& connect, const std::string& words,
                             const std::string& more = {}) {
        CAPTURE(connect);
        users.configure(connect, more);
        test_misuse(users, words);
    };
    misused("dbname=postgres", "must name each host");
    misused("host=a,,b", "must name each host");
    misused("host=a hidden", "no connection string");
    misused("host=a,b,c port=1,2", "one port, or one for each host");
    misused("host=a password=hidden", "may not contain password");
    misused("host=a sslmode=disable", "may not contain sslmode");
    misused("host=a hostaddr=192.0.2.1", "may not contain hostaddr");
    misused("host=a target_session_attrs=any", "may not contain target_session_attrs");
    misused("host=a,b,c", "POPPASS_RUN allows 60", "timeout = 20\n");
    misused("host=a", "check_hosts: not a host: b:x", "check_hosts = a b:x\n");
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"FROM users", "FROM user_s"},
                                   {"password AS hash", "pass AS hash"},
                                   {"email AS login", "email AS name"},
                                   {"AS hash", "AS hash, changed"}}) {
        CAPTURE(to);
        users.reset();
        if (to.ends_with("changed")) users.sql("REVOKE SELECT ON users FROM mail");
        users.replace(from, to);
        CHECK(run(users.check(joe, "old")).status == 2);
        users.sql("GRANT SELECT ON users TO mail");
    }
}

TEST_CASE("a server that says nothing, or too slowly, is left in time, and the next one asked") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    const SlowServer mute;
    const SlowServer drip{"R" + bytes("\0\0\0\x08\0\0\0\x05salt") + std::string(200, 'N')};
    const auto ports = [&](const std::string& list) {
        users.configure("host=127.0.0.1,127.0.0.1 user=mail dbname=postgres port=" + list,
                        secret + "timeout = 2\n");
    };
    for (const int slow : {mute.port(), drip.port()}) {
        const std::string port = std::to_string(slow);
        ports(port + "," + std::to_string(users.server.port()));
        const auto checked = timed(users.check(joe, "old"));
        CHECK(checked.outcome.status == 0);
        CHECK(has(checked.outcome.err, "127.0.0.1:" + port + ": connect: no answer in time"));
        CHECK(checked.seconds > 1.9);
        CHECK(checked.seconds < 8);
        ports(port + "," + port);
        const auto changed = timed(users.change(joe, "old", "new"));
        CHECK(changed.outcome.status == 111);
        CHECK(changed.outcome.out == nothing_words);
        CHECK(changed.seconds > 3.9);
        CHECK(changed.seconds < 10);
    }
    // Nothing listens at the first one.
    ports(free_port() + "," + std::to_string(users.server.port()));
    CHECK(timed(users.check(joe, "old")).seconds < 2);
    CHECK(run(users.change(joe, "old", "new")).status == 0);
}

TEST_CASE("a lock of others is waited for, and no longer than the time limit") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.reset("timeout = 2\n");
    const Pgsql other{users.server.on_socket() + " user=postgres"};
    other.run("BEGIN; SELECT * FROM users FOR UPDATE");
    CHECK(users.is_password(joe, "old"));
    const auto changed = timed(users.change(joe, "old", "new"));
    CHECK(changed.outcome.status == 111);
    CHECK(changed.outcome.out == nothing_words);
    CHECK_MESSAGE(has(changed.outcome.err, "no answer in time"), changed.outcome.err);
    CHECK(changed.seconds < 8);
    std::thread later{[&] {
        std::this_thread::sleep_for(milliseconds{500});
        other.run("ROLLBACK");
    }};
    CHECK(run(users.change(joe, "old", "new")).status == 0);
    later.join();
    users.replace("locked, expired", "pg_sleep(60) IS NULL AS locked");
    const auto slow = timed(users.check(joe, "new"));
    CHECK(slow.outcome.status == 111);
    CHECK(slow.seconds < 8);
}

TEST_CASE("a server that takes no writes is passed over, unless check_hosts names it") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    const PgsqlUsers other{"default_transaction_read_only = off\n"};
    other.sql("ALTER ROLE mail SET default_transaction_read_only = on;"
              "UPDATE users SET password = '{PLAIN}other'");
    const std::string read_only = std::to_string(other.server.port());
    const std::string both = read_only + "," + std::to_string(users.server.port());
    const std::string connect = "host=127.0.0.1,127.0.0.1 user=mail dbname=postgres port=" + both;
    users.configure(connect, secret);
    const auto checked = run(users.check(joe, "old"));
    CHECK(checked.status == 0);
    CHECK(has(checked.err, "127.0.0.1:" + read_only + ": the server takes no writes"));
    CHECK(run(users.change(joe, "old", "new")).status == 0);
    CHECK(other.hash(joe) == "{PLAIN}other");
    users.configure(connect, secret + "check_hosts = localhost:" + read_only + "\n");
    CHECK(run(users.check(joe, "other")).status == 0);
    CHECK(run(users.check(joe, "new")).status == 1);
    CHECK(run(users.change(joe, "new", "newer")).status == 0);
}

TEST_CASE("a connection that is not local needs a certificate of the server's name") {
    if (no_pgsql() || no_openssl()) return;
    const auto& users = fresh_users();
    const auto certificate = [&](const std::string& name, const std::string& names) {
        auto file = users.server.file(name);
        make_certificate(file, names);
        users.server.own(file);
        users.server.own(file + ".key");
        return file;
    };
    const auto listen = [&](const std::string& file) {
        users.sql("ALTER SYSTEM SET ssl_cert_file = '" + file + "'");
        users.sql("ALTER SYSTEM SET ssl_key_file = '" + file + ".key'");
        users.sql("ALTER SYSTEM SET ssl = on");
        users.sql("SELECT pg_reload_conf()");
        std::this_thread::sleep_for(milliseconds{300});
    };
    const std::string good = certificate("good", "IP:127.0.0.1"),
                      other = certificate("other", "DNS:db.example.org");
    const auto status = [&](const std::string& root, const std::string& more) {
        users.configure(users.server.on_loopback() + " user=mail" +
                            (root.empty() ? "" : " sslrootcert=" + root),
                        secret + more);
        const auto outcome = run(users.check(joe, "old"));
        INFO(outcome.err);
        return outcome.status;
    };
    listen(good);
    CHECK(status("", "") == 0);
    CHECK(status(good, "tls = verify\n") == 0);
    CHECK(status(good, "tls = no\n") == 0);
    // Not signed by an authority that is trusted, and of another name.
    CHECK(status("", "tls = verify\n") == 111);
    CHECK(status(other, "tls = verify\n") == 111);
    listen(other);
    CHECK(status(other, "tls = verify\n") == 111);
    // A server without TLS.
    users.sql("ALTER SYSTEM RESET ALL");
    users.sql("SELECT pg_reload_conf()");
    std::this_thread::sleep_for(milliseconds{300});
    CHECK(status(good, "tls = verify\n") == 111);
    CHECK(status("", "") == 0);
}

TEST_CASE("a value that is too long is trouble, and takes no memory to speak of") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.reset("timeout = 20\n");
    users.sql("ALTER TABLE users ALTER password TYPE text");
    for (const std::string size : {"100001", "200000000"}) {
        CAPTURE(size);
        users.sql("UPDATE users SET password = repeat('x', " + size +
                  ") WHERE email = 'joe@x.org'");
        for (const auto& program : {users.check(joe, "old"), users.change(joe, "old", "new")}) {
            const auto outcome = run(program);
            CHECK(outcome.status == 111);
            CHECK_MESSAGE((has(outcome.err, "too long") || has(outcome.err, "memory")),
                          outcome.err);
        }
    }
    rusage after{};
    ::getrusage(RUSAGE_CHILDREN, &after);
    MESSAGE("the largest child had " << after.ru_maxrss << " kB");
    if (hardened) CHECK(after.ru_maxrss < 150'000);
    users.sql("UPDATE users SET password = '';"
              "ALTER TABLE users ALTER password TYPE varchar(200)");
    users.reset();
    CHECK(users.is_password(joe, "old"));
}

TEST_CASE("a newer library lets the server on a port prove that it knows the account") {
    // An older library cannot demand the proof, and sends the password if it is asked for it.
    const bool demands = ::PQlibVersion() >= 160000;
    const TemporaryDirectory directory;
    const std::string settings = directory.file("sql.conf");
    for (const bool asks : {true, false}) { // for the password in clear text, or for none
        const Listener listener;
        write_file(settings, "connect = " + PgsqlServer::at_port(listener.port()) +
                                 " user=mail\npassword = the account's\ntimeout = 2\nuser_query ="
                                 " SELECT login, hash FROM users WHERE login = :login\n");
        std::string sent;
        std::thread server{[&] {
            sent = listener.talk_once(bytes("R\0\0\0\x08\0\0\0") + (asks ? '\3' : '\0'),
                                      milliseconds{4000});
        }};
        const auto outcome = run({.argv = {built("checkpw-pgsql"), "-c", settings},
                                  .record = joe + bytes("\0old\0\0\0")});
        server.join();
        CHECK(outcome.status == 111);
        CHECK(has(sent, "the account's") == (asks && !demands));
        CHECK_MESSAGE(has(outcome.err, "scram-sha-256") == demands, outcome.err);
    }
}

TEST_CASE("passwords of the account, and the socket") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.configure(users.server.on_loopback() + " user=mail", "password = wrong\n");
    const auto wrong = run(users.check(joe, "old"));
    CHECK(wrong.status == 111);
    CHECK(has(wrong.err, "password authentication failed"));
    users.configure(users.server.on_loopback() + " user=mail");
    CHECK(run(users.check(joe, "old")).status == 111);
    users.configure(users.server.on_socket() + " user=mail");
    CHECK(run(users.check(joe, "old")).status == 0);
    CHECK(run(users.change(joe, "old", "new")).status == 0);
}

TEST_CASE("--check says what is right and what is wrong") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.sql("DROP TABLE IF EXISTS log, sessions, folded");
    for (const std::string program : {"checkpw", "setpw"}) {
        CAPTURE(program);
        users.reset();
        const auto port = users.look_over(program);
        CHECK(port.status == 1);
        CHECK(has(port.out, "any account can listen on this port"));
        users.configure(users.server.on_socket() + " user=mail");
        const auto good = users.look_over(program);
        CHECK_MESSAGE(good.status == 0, good.out);
        CHECK(has(good.out, "finds no row for a login that does not exist"));
        CHECK(has(good.out, "set_query can be prepared") == (program == "setpw"));
        CHECK(has(good.out, "mail may change no more than single columns"));
    }
    users.sql("GRANT DELETE ON users TO mail");
    const auto warned = users.look_over("setpw");
    CHECK(warned.status == 1);
    CHECK(has(warned.out, "may do more to users and no other table"));
    users.sql("REVOKE DELETE ON users FROM mail");
    users.configure(users.server.on_socket() + " user=postgres");
    CHECK(has(users.look_over("setpw").out, "postgres is a superuser"));
    users.reset();
    users.replace("WHERE email = :login", "WHERE email = :login OR true");
    CHECK(has(users.look_over("checkpw").out, "more than one row"));
    users.reset();
    users.sql("REVOKE UPDATE ON users FROM mail");
    CHECK(users.look_over("checkpw").status == 1);
    users.sql("REVOKE UPDATE (password, changed) ON users FROM mail");
    const auto denied = users.look_over("setpw");
    users.sql("GRANT UPDATE (password, changed) ON users TO mail");
    CHECK(denied.status == 2);
    CHECK(has(denied.out, "permission denied for table users"));
    users.replace("SET password = :hash", "SET pasword = :hash");
    const auto column = users.look_over("setpw");
    CHECK(column.status == 2);
    CHECK(has(column.out, "pasword"));
    users.configure("host=127.0.0.1 user=mail dbname=postgres port=" + free_port(), secret);
    CHECK(users.look_over("setpw").status == 2);
}

TEST_CASE("--check warns of a socket whose place others can take") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.configure(users.server.on_socket() + " user=mail");
    // PostgreSQL's own builds put the socket into /tmp. In Debian's directory for it the group of
    // the server's account may write.
    const std::string directory = users.server.file(".");
    for (const auto& [mode, status] : {std::pair<mode_t, int>{01777, 1}, {0770, 0}, {0700, 0}}) {
        CAPTURE(mode);
        ::chmod(directory.c_str(), mode);
        const auto checked = users.look_over("checkpw");
        CHECK_MESSAGE(checked.status == status, checked.out);
        CHECK(has(checked.out, "can be written by everybody") == (status == 1));
    }
}

TEST_CASE("--check warns of a schema in which the account may make operators") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    users.configure(users.server.on_socket() + " user=mail");
    const auto warning = [&] {
        const auto checked = users.look_over("checkpw");
        CHECK(checked.status == (has(checked.out, "may create operators") ? 1 : 0));
        return checked.out;
    };
    // Such an operator fits a varchar better than those of pg_catalog, which is searched before.
    users.sql("CREATE FUNCTION always(varchar, varchar) RETURNS boolean LANGUAGE sql AS "
              "'SELECT true'; CREATE OPERATOR = (leftarg = varchar, rightarg = varchar, "
              "function = always); ALTER TABLE users ALTER email TYPE varchar;"
              "DELETE FROM users WHERE email LIKE 'ann%'");
    CHECK(run(users.check("JOE@x.org", "old")).status == 0); // not the user's name, byte for byte
    users.sql("DROP OPERATOR = (varchar, varchar)");
    CHECK(run(users.check("JOE@x.org", "old")).status == 1);
    users.sql("DROP FUNCTION always; ALTER TABLE users ALTER email TYPE text");

    CHECK_FALSE(has(warning(), "may create operators"));
    users.sql("CREATE SCHEMA open; GRANT USAGE, CREATE ON SCHEMA open TO PUBLIC");
    CHECK_FALSE(has(warning(), "may create operators")); // it is not searched
    users.sql("ALTER ROLE mail SET search_path = public, open, pg_catalog");
    CHECK(has(warning(), "mail may create operators and functions in open,"));
    users.sql("GRANT CREATE ON SCHEMA public TO mail");
    CHECK(has(warning(), "mail may create operators and functions in public, open,"));
    users.sql("REVOKE CREATE ON SCHEMA public FROM mail; ALTER ROLE mail RESET search_path;"
              "DROP SCHEMA open");
    CHECK_FALSE(has(warning(), "may create operators"));
}
