// The connection to PostgreSQL is cut, the server is killed and setpw-pgsql is killed at every step
// of a change. Afterwards the row is the old one or the new one, and what was said is true.
#include "support/odd_server.hh"
#include "support/pgsql_server.hh"
#include "support/strace.hh"

#include <csignal>
#include <doctest/doctest.h>
#include <future>

using namespace poppass::test;

namespace {

const PgsqlUsers& fresh_users() {
    static const PgsqlUsers users;
    users.reset("timeout = 4\n");
    return users;
}

// Whether the password was changed, after it was checked that no more and no less happened, and
// that what was said is true.
bool judge(const PgsqlUsers& users, const Outcome& outcome) {
    CAPTURE(outcome.status);
    CAPTURE(outcome.out);
    CAPTURE(outcome.err);
    const std::string hash = users.hash(joe);
    const bool changed = hash != "{PLAIN}old";
    if (changed) CHECK(hash.starts_with("{SSHA512}"));
    CHECK(users.rows("email <> 'joe@x.org'") == Words{"ann@x.org|{PLAIN}ann's|f|f|"});
    if (outcome.status == 0) CHECK(changed);
    if (has(outcome.out, "nothing was changed")) CHECK_FALSE(changed);
    users.configure(users.server.on_loopback() + " user=mail", "password = secret\n");
    CHECK(users.is_password(joe, changed ? "new" : "old"));
    CHECK(run(users.change(joe, changed ? "new" : "old", "next")).status == 0);
    return changed;
}

struct Counts {
    int steps = 0, changed = 0, known = 0;
    int commit = 0; // the last step at which a cut could keep the change from being made
};

// Runs the program. When the proxy has cut, this thread starts the server anew, because the server
// ends with the thread that started it.
struct Restart {
    std::promise<void> cut, back;

    void at_cut() {
        cut.set_value();
        back.get_future().wait();
    }

    Outcome run_client(const Program& program, PgsqlServer& server) {
        auto client = std::async(std::launch::async, [&] { return run(program); });
        const auto was_cut = cut.get_future();
        const auto is_over = [&](const auto& future, int ms) {
            return future.wait_for(milliseconds{ms}) == std::future_status::ready;
        };
        while (!is_over(client, 10) && !is_over(was_cut, 0)) continue;
        if (is_over(was_cut, 0)) {
            server.end(SIGQUIT);
            server.start();
        }
        back.set_value();
        return client.get();
    }
};

// Cuts at the first message of a change, at the second, and so on until there is none left.
Counts sweep(CutProxy::Deed deed, bool kill_server) {
    Counts counts;
    for (int step = 1;; ++step) {
        CAPTURE(step);
        const auto& users = fresh_users();
        auto& server = const_cast<PgsqlServer&>(users.server);
        Restart restart;
        const CutProxy proxy{server.port(), step, deed, [&] {
                                 if (kill_server) restart.at_cut();
                             }};
        users.configure(PgsqlServer::at_port(proxy.port()) + " user=mail",
                        "password = secret\ntimeout = 4\n");
        auto program = users.change(joe, "old", "new");
        program.timeout = milliseconds{40'000};
        const auto outcome = kill_server ? restart.run_client(program, server) : run(program);
        const bool changed = judge(users, outcome);
        if (!proxy.has_cut()) {
            CHECK(outcome.status == 0);
            return counts;
        }
        ++counts.steps;
        counts.changed += changed ? 1 : 0;
        counts.known += outcome.status == 0 || has(outcome.out, "nothing was changed") ? 1 : 0;
        CHECK(outcome.status == (changed ? 0 : 111));
        if (outcome.status == 111) counts.commit = step;
    }
}

} // namespace

TEST_CASE("the connection is cut at every step: it is known what became of the change") {
    if (no_pgsql()) return;
    using Deed = CutProxy::Deed;
    for (const auto deed : {Deed::drop_request, Deed::drop_answer, Deed::hold_answer}) {
        CAPTURE(int(deed));
        const auto counts = sweep(deed, false);
        CHECK(counts.steps > 6);
        CHECK(counts.known == counts.steps);
        // The commit, and the end of the connection.
        CHECK(counts.changed == (deed == Deed::drop_request ? 1 : 2));
    }
}

TEST_CASE("the server is killed and started again at every step") {
    if (no_pgsql()) return;
    for (const auto deed : {CutProxy::Deed::drop_request, CutProxy::Deed::drop_answer}) {
        CAPTURE(int(deed));
        const auto counts = sweep(deed, true);
        CHECK(counts.steps > 6);
        CHECK(counts.known == counts.steps);
    }
}

TEST_CASE("a server that stays away after the commit: it is said that the result is not known") {
    if (no_pgsql()) return;
    const auto& users = fresh_users();
    auto& server = const_cast<PgsqlServer&>(users.server);
    const int last = sweep(CutProxy::Deed::drop_request, false).commit;
    for (const auto deed : {CutProxy::Deed::drop_request, CutProxy::Deed::drop_answer}) {
        fresh_users();
        const CutProxy proxy{server.port(), last, deed, [&] { server.end(SIGINT); }};
        users.configure(PgsqlServer::at_port(proxy.port()) + " user=mail",
                        "password = secret\ntimeout = 2\n");
        const auto outcome = run(users.change(joe, "old", "new"));
        server.start();
        CHECK(outcome.status == 111);
        CHECK_FALSE(has(outcome.out, "nothing was changed"));
        CHECK(has(outcome.err, "it is not known whether the password is changed"));
        judge(users, outcome);
    }
}

TEST_CASE("setpw-pgsql is killed, or told to end, at every message that it sends") {
    if (no_pgsql() || missing(have_strace(), "strace, in a build that is not sanitized")) return;
    for (const std::string fault : {"signal=KILL", "signal=TERM"}) {
        CAPTURE(fault);
        int changed = 0, steps = 0;
        for (int step = 1; step < 40; ++step) {
            CAPTURE(step);
            const auto& users = fresh_users();
            auto program = users.change(joe, "old", "new");
            auto argv = with_fault("sendto", fault, step);
            argv.insert(argv.end(), program.argv.begin(), program.argv.end());
            program.argv = argv;
            program.timeout = milliseconds{40'000};
            const auto outcome = run(program);
            const bool now = judge(users, outcome);
            if (fault == "signal=TERM" && now) CHECK(outcome.status == 0);
            if (outcome.status == 0) break;
            ++steps;
            changed += now ? 1 : 0;
        }
        CHECK(steps > 4);
        MESSAGE(fault << ": " << steps << " steps, " << changed << " of them had committed");
    }
}
