// A standby of PostgreSQL takes the place of the primary while passwords are changed. With
// synchronous replication no change is lost of which it was said that it is made.
#include "support/failover.hh"
#include "support/pgsql_server.hh"

#include <csignal>
#include <doctest/doctest.h>

using namespace poppass::test;

namespace {

const std::string waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

// Commits wait until the standby has applied them.
struct Pair {
    PgsqlUsers users;
    PgsqlServer& primary = users.server;
    PgsqlServer standby{{}, &primary};

    Pair() {
        primary.run("ALTER SYSTEM SET synchronous_commit = 'remote_apply'");
        primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        primary.run("SELECT pg_reload_conf()");
        wait_until([&] { return !in_sync().empty(); });
        users.configure("host=127.0.0.1,127.0.0.1 user=mail dbname=postgres port=" +
                            std::to_string(primary.port()) + "," + std::to_string(standby.port()),
                        "password = secret\ntimeout = 4\n");
    }

    std::vector<std::string> in_sync() const {
        return primary.run("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
    }

    // SIGQUIT ends all processes at once, without a checkpoint and without a word to the standby.
    // SIGKILL would leave shared memory behind.
    void kill_primary() { primary.end(SIGQUIT); }
    void promote() const { standby.run("SELECT pg_promote()"); }

    std::string hash(const std::string& email) const {
        return standby.run("SELECT password FROM users WHERE email = $1", {email}).at(0);
    }
};

} // namespace

TEST_CASE("the primary is killed in the middle of changes: no acknowledged change is lost") {
    if (no_pgsql()) return;
    Pair pair;
    test_failover(
        pair.users,
        [&] {
            pair.kill_primary();
            pair.promote();
        },
        [&](const std::string& statement) { return pair.standby.run(statement); });
}

TEST_CASE("a commit whose wait for the standby is cancelled is not said to be made") {
    if (no_pgsql()) return;
    Pair pair;
    pair.standby.end(SIGINT);
    const auto cancelled =
        change_with_wait(pair.users, waiting, [&](const std::string& connection) {
            pair.primary.run("SELECT pg_cancel_backend(" + connection + ")");
        });
    CAPTURE(cancelled.err);
    CHECK(pair.users.hash(joe).starts_with("{SSHA512}")); // but the standby lacks it
    CHECK(is_not_known(cancelled));
}

TEST_CASE("a commit that waits for the standby is made only when the standby has it") {
    if (no_pgsql()) return;
    Pair pair;
    pair.standby.end(SIGINT);
    const auto alone = change_with_wait(pair.users, waiting, [&](const std::string&) {
        pair.kill_primary();
        pair.primary.start();
    });
    CAPTURE(alone.err);
    CHECK(pair.users.hash(joe).starts_with("{SSHA512}")); // but the standby lacks it
    CHECK(is_not_known(alone));

    pair.standby.start();
    wait_until([&] { return !pair.in_sync().empty(); });
    pair.users.server.run("UPDATE users SET password = '{PLAIN}old'");
    pair.standby.run("SELECT pg_wal_replay_pause()");
    const auto received =
        change_with_wait(pair.users, waiting, [&](const std::string&) { pair.kill_primary(); });
    CHECK(is_not_known(received));
    pair.promote();
    CHECK(pair.hash(joe).starts_with("{SSHA512}"));
    CHECK(pair.users.is_password(joe, "new"));
}
