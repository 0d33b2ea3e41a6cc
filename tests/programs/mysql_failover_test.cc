// A replica of MariaDB takes the place of the primary while passwords are changed. With
// semi-synchronous replication no change is lost of which it was said that it is made.
#include "support/failover.hh"
#include "support/mariadb_server.hh"

#include <csignal>
#include <doctest/doctest.h>

using namespace poppass::test;

namespace {

// Returns the ids of a server's connections in this state.
std::string in_state(const std::string& state) {
    return "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE '" + state +
           "' AND ID <> CONNECTION_ID()";
}

const std::string waiting = in_state("Waiting for semi-sync ACK%");

// At a commit the primary waits until the replica has the change, however long this takes.
struct Pair {
    MariadbServer primary{{"--server-id=1", "--log-bin=log", "--rpl-semi-sync-master-enabled=0",
                           "--rpl-semi-sync-master-timeout=600000"}};
    MariadbServer replica{{"--server-id=2", "--log-bin=log", "--log-slave-updates", "--read-only",
                           "--rpl-semi-sync-slave-enabled=1"}};
    std::unique_ptr<MariadbUsers> users;

    Pair() {
        primary.start();
        replica.start();
        primary.run("CREATE USER replica@'127.0.0.1' IDENTIFIED BY 'secret'; "
                    "GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'");
        users = std::make_unique<MariadbUsers>(primary);
        replica.run("CHANGE MASTER TO master_host = '127.0.0.1', master_port = " +
                    std::to_string(primary.port()) +
                    ", master_user = 'replica', master_password = 'secret', "
                    "master_use_gtid = slave_pos; START SLAVE");
        wait_until([&] {
            return primary.run("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")
                .at(0)
                .ends_with("\t1");
        });
        primary.run("SET GLOBAL rpl_semi_sync_master_enabled = 1");
        users->configure({{"connect", "host=127.0.0.1:" + std::to_string(primary.port()) +
                                          ",127.0.0.1:" + std::to_string(replica.port()) +
                                          " user=links dbname=mail"},
                          {"timeout", "4"}});
    }

    // The replica takes over when it has applied all that it has received.
    void promote() const {
        replica.run("STOP SLAVE IO_THREAD");
        wait_until([&] { return !replica.run(in_state("Slave has read all relay log%")).empty(); });
        replica.run("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0");
    }
};

} // namespace

TEST_CASE("the primary is killed in the middle of changes: no acknowledged change is lost") {
    if (no_mariadb()) return;
    Pair pair;
    test_failover(
        *pair.users,
        [&] {
            pair.primary.end(SIGKILL);
            pair.promote();
        },
        [&](const std::string& statement) { return pair.replica.run(statement); });
}

TEST_CASE("a commit that waits for the replica is not said to be made") {
    if (no_mariadb()) return;
    Pair pair;
    pair.replica.run("STOP SLAVE IO_THREAD");
    const auto said = change_with_wait(*pair.users, waiting,
                                       [&](const std::string&) { pair.primary.end(SIGKILL); });
    CAPTURE(said.err);
    CHECK(is_not_known(said));
    pair.promote();
    CHECK(pair.users->is_password(joe, "old"));
    CHECK(run(pair.users->change(joe, "old", "new")).status == 0);
    CHECK(pair.users->is_password(joe, "new"));
}

TEST_CASE("a commit whose wait for the replica is ended is made only when the replica has it") {
    if (no_mariadb()) return;
    Pair pair;
    pair.replica.run("STOP SLAVE IO_THREAD");
    const auto alone = change_with_wait(*pair.users, waiting, [&](const std::string& connection) {
        pair.primary.run("KILL " + connection);
    });
    CAPTURE(alone.err);
    CHECK(pair.users->hash(joe).starts_with("{SSHA512}")); // but the replica lacks it
    CHECK(is_not_known(alone));

    pair.replica.run("START SLAVE IO_THREAD");
    pair.users->give("{PLAIN}old");
    pair.replica.run("STOP SLAVE IO_THREAD");
    const auto received =
        change_with_wait(*pair.users, waiting, [&](const std::string& connection) {
            pair.primary.run("KILL " + connection);
            pair.replica.run("START SLAVE IO_THREAD");
        });
    CAPTURE(received.err);
    CHECK(received.status == 0);
    const std::string hash = pair.users->hash(joe);
    pair.primary.end(SIGKILL);
    pair.promote();
    CHECK(pair.replica.run("SELECT password FROM users WHERE email = '" + joe + "'").at(0) == hash);
    CHECK(pair.users->is_password(joe, "new"));
}
