// Several servers: changes appear at all of them, and are still made while servers are killed,
// frozen and restarted.
#include "support/conversation.hh"
#include "support/ldap_server.hh"
#include "support/program.hh"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <thread>

using namespace poppass::test;

namespace {

using Clock = std::chrono::steady_clock;

const std::string dn_template = "uid=%u," + people;
constexpr int limit = 2; // the option -t

long milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - begin).count();
}

bool no_slapd() { return missing(have_slapd(), "slapd"); }

std::string users(int count) {
    std::string entries;
    for (int i = 0; i < count; ++i)
        entries += user_entry("user" + std::to_string(i), "old-password");
    return entries;
}

// Two servers that accept changes and send them to each other.
struct Pair {
    LdapServer one, two;

    explicit Pair(int count) {
        one.prepare(multi_provider(1, two, users(count)));
        two.prepare(multi_provider(2, one, {}));
        one.start();
        two.start();
        REQUIRE(in_step(one, two));
    }
    Service service(bool reversed = false) const {
        const auto& [first, second] = reversed ? std::tie(two, one) : std::tie(one, two);
        const Words options{"-H",        first.uri() + " " + second.uri(),
                            "-D",        dn_template,
                            "-t",        std::to_string(limit),
                            "/bin/false"};
        Words check = options, change = options;
        check.insert(check.begin(), built("checkpw-ldap"));
        change.insert(change.begin(), built("setpw-ldap"));
        return {.check = check, .change = quoted(change)};
    }
};

// A session that changes a user's password. Returns the last reply.
std::string change(const Service& service, const std::string& uid, const std::string& old,
                   const std::string& fresh) {
    Conversation client{service};
    client.ask("user " + uid);
    std::string reply = client.ask("pass " + old);
    if (reply == "200 Your new password please.") reply = client.ask("newpass " + fresh);
    client.ask("quit");
    return reply;
}

const std::string changed = "200 Password changed, thank-you.";

bool is_not_known(const std::string& reply) {
    return reply.find("not known") != reply.npos || reply.find("Result unknown") != reply.npos;
}

} // namespace

TEST_CASE("a change made at one server is good at the other") {
    if (no_slapd()) return;
    const Pair pair{2};
    for (const bool reversed : {false, true}) {
        const std::string uid = reversed ? "user1" : "user0";
        CHECK(change(pair.service(reversed), uid, "old-password", "new-password") == changed);
        CHECK(in_step(pair.one, pair.two));
        for (const auto* const server : {&pair.one, &pair.two}) {
            CHECK(can_bind(server->uri(), user_dn(uid), "new-password"));
            CHECK_FALSE(can_bind(server->uri(), user_dn(uid), "old-password"));
        }
    }
}

TEST_CASE("with either server dead, frozen or restarting, changes go on within the limits") {
    if (no_slapd()) return;
    Pair pair{1};
    std::string password = "old-password";
    int count = 0;
    // Begins to change the password, and does `deed` meanwhile.
    const auto change_while = [&](const char* what, const std::function<void()>& deed) {
        CAPTURE(what);
        const std::string fresh = "password-" + std::to_string(++count);
        const auto begin = Clock::now();
        std::string reply;
        std::thread client{[&] { reply = change(pair.service(), "user0", password, fresh); }};
        deed();
        client.join();
        CHECK(reply == changed);
        // One limit for the check and one for the change; the second server answers at once.
        CHECK(milliseconds_since(begin) < 2 * limit * 1000 + 3000);
        password = fresh;
    };
    for (auto* const victim : {&pair.one, &pair.two}) {
        victim->end(SIGKILL);
        change_while("dead", [] {});
        victim->start();
        CHECK(in_step(pair.one, pair.two));

        victim->freeze();
        change_while("frozen", [] {});
        victim->thaw();
        CHECK(in_step(pair.one, pair.two));

        change_while("restarting", [&] {
            victim->end(SIGTERM);
            victim->start();
        });
        CHECK(in_step(pair.one, pair.two));
        for (const auto* const server : {&pair.one, &pair.two})
            CHECK(can_bind(server->uri(), user_dn("user0"), password));
    }
}

TEST_CASE("what a server answered before it died reaches the other one when it is back") {
    if (no_slapd()) return;
    Pair pair{8};
    int user = 0;
    for (auto* const victim : {&pair.one, &pair.two}) {
        auto& other = victim == &pair.one ? pair.two : pair.one;
        const auto service = pair.service(victim == &pair.two);
        const auto change_next = [&] {
            const std::string uid = "user" + std::to_string(user++);
            CHECK(change(service, uid, "old-password", "new-password") == changed);
            return uid;
        };
        for (int before = 0; before < 3; ++before) change_next();
        CHECK(in_step(pair.one, pair.two));
        other.end(SIGTERM);
        const std::string last = change_next();
        victim->end(SIGKILL);
        other.start();
        CHECK(can_bind(other.uri(), user_dn(last), "old-password"));
        victim->start();
        CHECK(in_step(pair.one, pair.two));
        CHECK(can_bind(victim->uri(), user_dn(last), "new-password"));
        CHECK(can_bind(other.uri(), user_dn(last), "new-password"));
    }
}

TEST_CASE("200 changes while servers die and come back: what was answered holds everywhere") {
    if (no_slapd()) return;
    constexpr int count = 200;
    Pair pair{count};
    const auto begin = Clock::now();
    const auto name = [](int user) { return "user" + std::to_string(user); };
    std::vector<std::string> replies(count);
    std::atomic<int> next{0};
    std::atomic<int> both_fail{0};
    std::atomic<int> probes{0};
    std::atomic<bool> done{false};

    std::vector<std::thread> threads;
    for (const bool reversed : {false, true})
        threads.emplace_back([&, service = pair.service(reversed)] {
            for (int user; (user = next++) < count;) {
                auto& reply = replies[static_cast<std::size_t>(user)];
                try {
                    reply = change(service, name(user), "old-password", "new-password");
                } catch (const std::exception& exception) {
                    reply = exception.what();
                }
            }
        });
    // The old password is tried first. If it fails, the change is made, and the new one must be
    // right.
    for (const auto* const server : {&pair.one, &pair.two})
        threads.emplace_back([&, uri = server->uri()] {
            while (!done) {
                const std::string dn = user_dn(name(std::clamp(next.load() - 1, 0, count - 1)));
                if (bind_code(uri, dn, "old-password") != 49) continue;
                if (bind_code(uri, dn, "new-password") == 49) ++both_fail;
                ++probes;
            }
        });
    std::string trouble;
    int turns = 0;
    while (next < count && trouble.empty()) {
        auto& victim = turns % 2 == 0 ? pair.one : pair.two;
        const auto pause = [](int ms) { std::this_thread::sleep_for(milliseconds{ms}); };
        switch (turns++ % 6) {
        case 0:
        case 1:
            victim.end(SIGKILL);
            pause(400);
            victim.start();
            break;
        case 2:
        case 3:
            victim.freeze();
            pause(1000 * limit + 300);
            victim.thaw();
            break;
        default: victim.end(SIGTERM); victim.start();
        }
        if (!in_step(pair.one, pair.two)) trouble = "the servers do not come into step";
        pause(100);
    }
    for (std::size_t i = 0; i < 2; ++i) threads[i].join();
    done = true;
    for (std::size_t i = 2; i < threads.size(); ++i) threads[i].join();
    CHECK(trouble == "");
    REQUIRE(in_step(pair.one, pair.two));

    int made = 0, not_known = 0, disagree = 0;
    for (int user = 0; user < count; ++user) {
        const auto& reply = replies[static_cast<std::size_t>(user)];
        const std::string dn = user_dn(name(user));
        CAPTURE(user);
        CAPTURE(reply);
        const bool here = can_bind(pair.one.uri(), dn, "new-password");
        const bool there = can_bind(pair.two.uri(), dn, "new-password");
        CHECK(can_bind(pair.one.uri(), dn, "old-password") == !here);
        CHECK(can_bind(pair.two.uri(), dn, "old-password") == !there);
        made += reply == changed ? 1 : 0;
        if (is_not_known(reply)) {
            // slapd stores an entry first, and then that it has to tell the other server. If it is
            // killed in between, the other server never gets the change, but no client was told
            // that it was made.
            ++not_known;
            disagree += here != there ? 1 : 0;
            continue;
        }
        CHECK(here == (reply == changed));
        CHECK(there == (reply == changed));
    }
    CHECK(both_fail == 0);
    CHECK(probes > 0);
    CHECK(made > count / 2);
    std::printf(
        "%d changes, %d of them made, %d not known (%d of those at one server only); %d turns; "
        "%ld ms\n",
        count, made, not_known, disagree, turns, milliseconds_since(begin));
}

TEST_CASE("a server that only reads refers to one of ours, and that one is asked") {
    if (no_slapd()) return;
    LdapServer main, reader;
    main.prepare({.global = "serverID 1\n", .overlays = "overlay syncprov\n", .entries = users(1)});
    main.start();
    const auto prepare_reader = [&](const std::string& referral) {
        reader.prepare({.database = "syncrepl rid=001 provider=" + main.uri() +
                                    " type=refreshAndPersist retry=\"1 +\" searchbase=" + suffix +
                                    " bindmethod=simple binddn=" + manager +
                                    " credentials=manager\nupdateref " + referral + "\n",
                        .empty = true});
        reader.start();
        REQUIRE(in_step(main, reader));
    };
    const auto run_setpw = [&](const std::string& servers) {
        return run({.argv = {built("setpw-ldap"), "-H", servers, "-D", dn_template, "-t", "1"},
                    .record = bytes("user0\0old-password\0\0new-password\0")});
    };
    const std::string silent = "ldap://127.0.0.1:" + free_port();
    SUBCASE("next, whatever its place in the list") {
        prepare_reader(main.uri());
        const auto outcome = run_setpw(reader.uri() + " " + silent + " " + main.uri());
        CHECK(outcome.status == 0);
        CHECK(outcome.err ==
              "setpw-ldap: " + reader.uri() + ": refers changes to another server\n");
        CHECK(in_step(main, reader));
        CHECK(can_bind(reader.uri(), user_dn("user0"), "new-password"));
    }
    SUBCASE("nowhere else") {
        const Listener elsewhere;
        prepare_reader(elsewhere.uri());
        std::string heard;
        std::thread listen{[&] { heard = elsewhere.talk_once("", milliseconds{1000}); }};
        const auto outcome = run_setpw(reader.uri());
        listen.join();
        CHECK(heard == "");
        CHECK(outcome.status == 111);
        CHECK(outcome.out.find("nothing was changed") != std::string::npos);
        CHECK(outcome.err.find("which -H does not name: " + elsewhere.uri()) != std::string::npos);
        CHECK(can_bind(main.uri(), user_dn("user0"), "old-password"));
        // The other servers of the list are asked nevertheless.
        CHECK(run_setpw(reader.uri() + " " + main.uri()).status == 0);
    }
}
