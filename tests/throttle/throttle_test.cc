#include "throttle/throttle.hh"

#include <algorithm>
#include <deque>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <memory>
#include <random>

using namespace poppass;

namespace {

constexpr SipKey key{0x0123456789abcdef, 0xfedcba9876543210};
constexpr Seconds day = 86'400;
constexpr Seconds noon = 20'000 * day + day / 2;

Attempt attempt(std::string_view login, std::optional<std::string> address = "192.0.2.1") {
    return make_attempt(login, address, {});
}

// A table, and the rule that uses it.
struct Guard {
    std::unique_ptr<ThrottleTable> table = std::make_unique<ThrottleTable>();
    Throttle rule;

    explicit Guard(ThrottleLimits limits = {}) : rule{*table, key, limits} {}

    // Tries a wrong password as soon as that is allowed. Returns how long it had to wait.
    Seconds guess(const Attempt& who, Seconds& now) {
        const Seconds wait = rule.wait(who, now);
        now += wait;
        CHECK(rule.wait(who, now) == 0);
        rule.charge(who, now);
        return wait;
    }
    void fail(const Attempt& who, Seconds now, unsigned times = 1) {
        for (; times > 0; --times) rule.charge(who, now);
    }
    Decision::Kind decide(const Attempt& who, Seconds now) { return rule.decide(who, now).kind; }
    bool admits(const Attempt& who, Seconds now) {
        return decide(who, now) == Decision::Kind::admitted;
    }
    // Brings a login to its limit. Its window begins at `now`.
    void attack(const std::string& login, Seconds now) {
        for (int i = 0; i < 50; ++i) fail(attempt(login, "10.9." + std::to_string(i) + ".1"), now);
    }
    double failures(const Attempt& who, Kind kind, Seconds now) const {
        return 1.0 * rule.quarters(who, kind, now) / whole_failure;
    }
};

bool same(const ThrottleTable& a, const ThrottleTable& b) {
    return a.pairs == b.pairs && a.addresses == b.addresses && a.logins == b.logins &&
           a.successes == b.successes && a.refusal_time == b.refusal_time;
}

} // namespace

TEST_CASE("address ranges") {
    struct Case {
        std::string range;
        std::vector<std::string> in;
        std::vector<std::string> out;
    };
    const Case cases[] = {
        {"192.0.2.1", {"192.0.2.1"}, {"192.0.2.2", "192.0.2.0", "::1", "::c000:201"}},
        {"192.0.2.77/24", {"192.0.2.0", "192.0.2.255"}, {"192.0.3.0", "192.0.1.255"}},
        {"192.0.2.128/25", {"192.0.2.128", "192.0.2.255"}, {"192.0.2.127"}},
        {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255"}, {"::", "2001:db8::1"}},
        {"2001:db8::/32", {"2001:db8::", "2001:db8:ffff::1"}, {"2001:db9::", "32.1.13.184"}},
        {"2001:db8::1", {"2001:db8::1"}, {"2001:db8::2"}},
        {"2001:db8::8000/113", {"2001:db8::8001"}, {"2001:db8::7fff"}},
        {"::/0", {"::1", "fe80::1"}, {"127.0.0.1"}},
        {"::ffff:192.0.2.1", {"192.0.2.1"}, {"192.0.2.2"}},
    };
    for (const auto& [text, in, out] : cases) {
        CAPTURE(text);
        const auto range = AddressRange::parse(text);
        REQUIRE(range);
        for (const auto& address : in) CHECK_MESSAGE(range->contains(address), address);
        for (const auto& address : out) CHECK_MESSAGE(!range->contains(address), address);
    }
    for (const char* const text : {"", "/", "/24", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1",
                                   "192.0.2.1/2 4", "192.0.2.1/24/24", "192.0.2", "192.0.2.256",
                                   "example.org", "::/129", "::g", "192.0.2.1 ", "::1%lo"}) {
        CAPTURE(text);
        const auto range = AddressRange::parse(text);
        REQUIRE(!range);
        CHECK(range.error().status == ExitStatus::misused);
    }
}

TEST_CASE("what counts as one login and one address") {
    const auto login = [](std::string_view text) { return make_attempt(text, {}, {}).login; };
    CHECK(login(" Joe\t\r\n") == "joe");
    CHECK(login("JOE@Example.ORG") == "joe@example.org");
    CHECK(login("j o e") == "j o e");
    CHECK(login(" \t ") == "");
    CHECK(login("J\303\226E") == "j\303\226e");

    const auto address = [](const std::string& text) { return attempt("joe", text).address; };
    CHECK(address("192.0.2.1") == "192.0.2.1");
    CHECK(address("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
    CHECK(address("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64");
    CHECK(address("2001:db8:1:3::1") == "2001:db8:1:3::/64");
    const auto network = [](const std::string& text) { return attempt("joe", text).network; };
    CHECK(network("192.0.2.1") == "192.0.2.0/24");
    CHECK(network("192.0.255.255") == "192.0.255.0/24");
    CHECK(network("2001:db8:1:2::1") == "2001:db8:1::/48");
    for (const char* const local : {"127.0.0.1", "127.0.0.2", "127.255.1.9", "::1"}) {
        CHECK(address(local) == "127.0.0.1"); // a user of this machine can choose any of them
        CHECK(network(local) == "127.0.0.0/24");
    }
    CHECK(address("64:ff9b::c000:201") == "192.0.2.1"); // NAT64
    CHECK(network("64:ff9b::c000:201") == "192.0.2.0/24");
    CHECK(address("64:ff9b::1:c000:201") == "64:ff9b::/64");
    CHECK(address("64:ff9b:1::c000:201") == "64:ff9b:1::/64");
    CHECK(make_attempt("joe", {}, {}).network == "-");
    CHECK(make_attempt("joe", {}, {}).address == "-");

    const auto spared = AddressRange::parse("198.51.100.0/24");
    REQUIRE(spared);
    const auto counts = [&](std::optional<std::string> peer) {
        return make_attempt("joe", peer, {&*spared, 1}).address_counts;
    };
    CHECK(counts("192.0.2.1"));
    CHECK(counts("2001:db8::1"));
    CHECK(counts("128.0.0.1"));
    CHECK(!counts("198.51.100.9"));
    CHECK(!counts("127.0.0.1"));
    CHECK(!counts("127.255.0.1"));
    CHECK(!counts("::1"));
    CHECK(counts("64:ff9b::7f00:1")); // from the network
    CHECK(!counts(std::nullopt));
}

TEST_CASE("after a few failures the wait doubles, to a bound") {
    for (const std::uint32_t tries : {1u, 3u, 5u}) {
        CAPTURE(tries);
        Guard guard{{tries, 3600}};
        Seconds now = noon;
        for (std::uint32_t i = 0; i < tries; ++i) CHECK(guard.guess(attempt("joe"), now) == 0);
        for (const Seconds wait : {10u, 20u, 40u, 80u, 160u, 320u})
            CHECK(guard.guess(attempt("joe"), now) == wait);
        CHECK(guard.rule.wait(attempt("joe"), now) <= longest_wait);
    }
    Guard guard{{1, 100'000}};
    Seconds now = noon;
    for (int i = 0; i < 8; ++i) guard.guess(attempt("joe"), now);
    for (int i = 0; i < 10; ++i) CHECK(guard.guess(attempt("joe"), now) == longest_wait);
}

TEST_CASE("the wait gets shorter as time passes, and waiting charges nothing") {
    Guard guard;
    guard.fail(attempt("joe"), noon, 5);
    const ThrottleTable before = *guard.table;
    for (Seconds passed = 0; passed <= 12; ++passed)
        CHECK(guard.rule.wait(attempt("joe"), noon + passed) == (passed < 10 ? 10 - passed : 0));
    CHECK(same(before, *guard.table));
}

TEST_CASE("the same login from elsewhere, and other logins from the same place, go on") {
    Guard guard;
    guard.fail(attempt("joe"), noon, 5);
    CHECK(guard.rule.wait(attempt("joe"), noon) > 0);
    CHECK(guard.rule.wait(attempt(" JOE "), noon) > 0);
    CHECK(guard.rule.wait(attempt("joe", "192.0.2.2"), noon) == 0);
    CHECK(guard.rule.wait(attempt("joe", std::nullopt), noon) == 0);
    CHECK(guard.rule.wait(attempt("ann"), noon) == 0);
    guard.fail(attempt("joe", "2001:db8::1"), noon, 5);
    CHECK(guard.rule.wait(attempt("joe", "2001:db8::ffff"), noon) > 0);
    CHECK(guard.rule.wait(attempt("joe", "2001:db8:0:1::1"), noon) == 0);
}

TEST_CASE("an address has four times the tries, over all logins") {
    Guard guard;
    for (int i = 0; i < 20; ++i) {
        const auto login = "user" + std::to_string(i);
        CHECK(guard.rule.wait(attempt(login), noon) == 0);
        guard.fail(attempt(login), noon);
    }
    CHECK(guard.rule.wait(attempt("somebody"), noon) == first_wait);
    CHECK(guard.rule.wait(attempt("somebody", "192.0.2.2"), noon) == 0);
    guard.fail(attempt("user"), noon);
    CHECK(guard.rule.wait(attempt("somebody"), noon) == 2 * first_wait);
}

TEST_CASE("addresses that many users share have no limit over all logins") {
    const auto spared = AddressRange::parse("192.0.2.0/24");
    REQUIRE(spared);
    for (const auto& address : {std::optional<std::string>{"127.0.0.1"},
                                std::optional<std::string>{"::1"},
                                std::optional<std::string>{"192.0.2.1"},
                                {}}) {
        Guard guard;
        const auto from_there = [&](const std::string& login) {
            return make_attempt(login, address, {&*spared, 1});
        };
        for (int i = 0; i < 500; ++i) guard.fail(from_there("user" + std::to_string(i)), noon);
        CHECK(guard.rule.wait(from_there("somebody"), noon) == 0);
        guard.fail(from_there("joe"), noon, 5);
        CHECK(guard.rule.wait(from_there("joe"), noon) == first_wait);
        CHECK(guard.rule.wait(from_there("somebody"), noon) == 0);
    }
}

TEST_CASE("a login has ten times the tries from everywhere, and nobody is told the limit") {
    Guard guard;
    const auto from = [](int i) { return attempt("joe", "10.0." + std::to_string(i) + ".1"); };
    for (int i = 0; i < 50; ++i) CHECK(guard.admits(from(i), noon));
    CHECK(guard.admits(from(50), noon)); // the first one of an epoch always is
    int admitted = 0;
    for (int i = 51; i < 200; ++i) {
        const auto kind = guard.decide(from(i), noon);
        CHECK(kind != Decision::Kind::must_wait);
        admitted += kind == Decision::Kind::admitted;
    }
    CHECK(admitted <= 12); // 150 networks: k rises with each
    CHECK(guard.admits(attempt("ann", "10.0.60.1"), noon));
}

TEST_CASE("a login under attack admits about one network a minute, drawn fairly") {
    // The page states these numbers. The networks of the attacker try every so many seconds; each
    // of twenty others tries once a minute, at any time.
    struct Load {
        int networks;
        Seconds every;
        int addresses; // in each network
        double least_share;
    };
    constexpr int others = 20;
    constexpr int minutes = 500;
    for (const auto& [networks, every, addresses, least_share] :
         {Load{10, 3, 1, 0.6}, Load{100, 30, 1, 0.6}, Load{500, 60, 1, 0.6},
          // The pair of each other has to wait, and the attacker takes another address then.
          Load{10, 3, 200, 0.12}, Load{100, 30, 200, 0.12}}) {
        CAPTURE(networks);
        CAPTURE(addresses);
        Guard guard;
        std::mt19937 random{7};
        guard.attack("joe", noon);
        int in_first = 0;
        int of_attacker = 0;
        int of_others = 0;
        int tried = 0;
        const auto admits = [&](int network, Seconds when) {
            const int host = network < 5000 ? ++tried / networks % addresses : 0;
            auto who =
                attempt("joe", "10." + std::to_string(network / 250) + "." +
                                   std::to_string(network % 250) + "." + std::to_string(host));
            who.address_counts = false; // so that only the draw is measured
            return guard.admits(who, when);
        };
        for (int minute = 0; minute < minutes; ++minute) {
            const Seconds start = noon / 60 * 60 + Seconds(minute) * 60;
            std::multimap<Seconds, int> tries;
            for (int i = 0; i < networks; ++i)
                for (Seconds when = Seconds(i) % every; when < 60; when += every)
                    tries.emplace(when, i);
            for (int i = 0; i < others; ++i) tries.emplace(random() % 60, 5000 + i);
            for (const auto& [when, network] : tries)
                if (admits(network, start + when)) {
                    ++(network < 5000 ? of_attacker : of_others);
                    if (minute == 0) ++in_first;
                }
        }
        const double rate = 1.0 * (of_attacker + of_others) / minutes;
        const double share = (1.0 * of_others / others) / (1.0 * of_attacker / networks);
        CHECK(in_first <= 15);
        CHECK(rate <= 1.1);
        CHECK(rate >= 0.8);
        CHECK(share >= least_share);
        CHECK(share <= 3);
    }
}

TEST_CASE("repeating within a minute gains nothing") {
    Guard guard;
    guard.attack("joe", noon);
    for (int i = 0; i < 5000; ++i) {
        auto crowd = attempt("joe", "10.0." + std::to_string(i % 250) + ".1");
        crowd.address_counts = false;
        guard.decide(crowd, noon + Seconds(i) / 250 * 60);
    }
    int lucky = 0;
    for (Seconds minute = 20; minute < 60; ++minute) {
        int admitted = 0;
        for (Seconds second = 0; second < 60; ++second)
            for (int i = 0; i < 5; ++i) { // from all over the network
                auto one = attempt("joe", "192.0.2." + std::to_string(i));
                one.address_counts = false;
                admitted += guard.admits(one, noon + minute * 60 + second);
            }
        CHECK(admitted <= 1);
        lucky += admitted;
    }
    CHECK(lucky > 0);
}

TEST_CASE("the draw survives a clock that is set back, and any bytes in its place") {
    Guard guard;
    guard.attack("joe", noon - 100 * day);
    guard.attack("joe", noon);
    for (auto& draw : guard.table->draws) draw = {noon, {}, 255, 255};
    CHECK(guard.admits(attempt("joe", "192.0.2.1"), noon));
    for (auto& draw : guard.table->draws) draw = {noon / 60, {}, 255, 255};
    (void)guard.decide(attempt("joe", "192.0.2.1"), noon);
    CHECK(guard.table->draws[0].k == 255); // others are as they were
}

TEST_CASE("an address that succeeded for the login is not refused for what others do to it") {
    Guard guard;
    const auto home = attempt("joe", "198.51.100.7");
    guard.rule.succeed(home, guard.rule.charge(home, noon), noon);
    for (const Seconds later : {Seconds{60}, day, 89 * day, 90 * day}) {
        CAPTURE(later);
        const Seconds now = noon + later;
        guard.attack("joe", now);
        for (int i = 0; i < 500; ++i)
            (void)guard.decide(attempt("joe", "10." + std::to_string(i % 250) + ".0.1"), now);
        int strangers = 0;
        for (int i = 0; i < 100; ++i)
            strangers += guard.admits(attempt("joe", "172.16." + std::to_string(i) + ".1"), now);
        CHECK(strangers <= 5);
        const auto decision = guard.rule.decide(home, now);
        CHECK(decision.kind == Decision::Kind::admitted);
        guard.rule.take_back(home, decision.charge, now);
    }
    // Neither another login from there, nor another address, nor after 90 days, nor before it, as
    // after a clock that was wrong.
    const auto refused = [&](const Attempt& who, Seconds now) {
        guard.attack(who.login, now);
        for (auto& draw : guard.table->draws) draw = {now / 60, {}, 1, 32};
        return guard.decide(who, now) == Decision::Kind::turned_away;
    };
    CHECK(refused(attempt("ann", "198.51.100.7"), noon + 90 * day));
    CHECK(refused(attempt("joe", "198.51.100.8"), noon + 90 * day));
    CHECK(!refused(home, noon + 90 * day));
    CHECK(refused(home, noon + 91 * day));
    CHECK(!refused(home, noon - day));
    CHECK(refused(home, noon - 2 * day));
}

TEST_CASE("what a client sees does not depend on successes, from its address or another") {
    // Two worlds, which differ in successes, before and while they are watched. In both the same
    // clients try wrong passwords: others from many networks, and one, which wants to know, from
    // the address of the success.
    std::mt19937 random{3};
    int logins = 0;
    int waits = 0;
    int away = 0;
    int admitted = 0;
    for (int round = 0; round < 100; ++round) {
        Guard worlds[2];
        const auto home = attempt("joe", "198.51.100.7");
        worlds[1].rule.succeed(home, worlds[1].rule.charge(home, noon - 3600), noon - 3600);
        Seconds now = noon;
        for (int step = 0; step < 400; ++step) {
            now += static_cast<Seconds>(random() % (random() % 30 == 0 ? 3000 : 12));
            if (random() % 4 == 0 && worlds[1].rule.wait(home, now) == 0) {
                const auto login = worlds[1].rule.decide(home, now);
                REQUIRE(login.kind == Decision::Kind::admitted);
                worlds[1].rule.succeed(home, login.charge, now);
                ++logins;
            }
            const auto pick = random() % 6;
            const auto who = pick < 2 ? home
                             : pick < 3
                                 ? attempt("ann", "198.51.100.7")
                                 : attempt("joe", "10.0." + std::to_string(random() % 200) + ".1");
            const auto here = worlds[0].rule.decide(who, now);
            const auto there = worlds[1].rule.decide(who, now);
            const auto seen = [](const Decision& decision) {
                return decision.kind == Decision::Kind::must_wait ? decision.wait : 0;
            };
            REQUIRE(seen(here) == seen(there));
            waits += seen(here) > 0;
            if (who.address != home.address || who.login != "joe") continue;
            away += here.kind == Decision::Kind::turned_away;
            admitted += there.kind == Decision::Kind::admitted;
        }
    }
    CHECK(logins > 100);
    CHECK(waits > 100);
    CHECK(away > 100);
    CHECK(admitted > 100);
}

TEST_CASE("who is turned away is answered after the mean time of a refused check") {
    using std::chrono::microseconds;
    Guard guard;
    CHECK(guard.rule.refusal_time() == microseconds{0});
    guard.rule.note_refusal(microseconds{80'000});
    CHECK(guard.rule.refusal_time() == microseconds{80'000});
    for (int i = 0; i < 200; ++i)
        guard.rule.note_refusal(microseconds{i % 2 == 0 ? 20'000 : 40'000});
    CHECK(guard.rule.refusal_time() > microseconds{28'000});
    CHECK(guard.rule.refusal_time() < microseconds{32'000});
    guard.rule.note_refusal(std::chrono::hours{1}); // a link that hung
    CHECK(guard.rule.refusal_time() < microseconds{700'000});
    guard.table->refusal_time = 0xffffffff; // a damaged file
    CHECK(guard.rule.refusal_time() == std::chrono::seconds{10});
}

TEST_CASE("failures are forgotten after the window, and not before half of it") {
    for (const Seconds window : {2u, 60u, 3600u, 604'800u}) {
        CAPTURE(window);
        Guard guard{{5, window}};
        guard.fail(attempt("joe"), noon, 5);
        const auto total = [&](Seconds now) {
            return guard.failures(attempt("joe"), Kind::pair, now);
        };
        CHECK(total(noon) == 5);
        CHECK(total(noon + window / 2) == 5);
        CHECK(total(noon + window - 1) == 5);
        CHECK(total(noon + window) == 0);
    }
    // A wait ends before its failures are forgotten.
    Guard guard{{1, 20}};
    guard.fail(attempt("joe"), noon, 8);
    CHECK(guard.rule.wait(attempt("joe"), noon) == 10);
}

TEST_CASE("a success takes back its own charge, and no failures before it") {
    Guard guard;
    const auto joe = attempt("joe");
    guard.fail(joe, noon, 4);
    const auto succeed = [&](Seconds now) {
        const auto decision = guard.rule.decide(joe, now);
        REQUIRE(decision.kind == Decision::Kind::admitted);
        guard.rule.succeed(joe, decision.charge, now);
        for (const Kind kind : {Kind::pair, Kind::address, Kind::login})
            CHECK(guard.failures(joe, kind, now) >= 4);
    };
    // Who mistypes four times in an hour never waits, and later only after the next failure.
    for (Seconds second = 1; second <= 10; ++second) succeed(noon + second);
    guard.fail(joe, noon + 20, 3);
    CHECK(guard.rule.wait(joe, noon + 20) == 40);
    for (Seconds second = 60; second <= 70; ++second) succeed(noon + second);
    CHECK(guard.failures(joe, Kind::pair, noon + 70) == 7);
    guard.fail(joe, noon + 80);
    CHECK(guard.rule.wait(joe, noon + 80) == 80);
}

TEST_CASE("the logins of a user give no guesses to somebody at the same address") {
    // The page states these numbers. The guesser stops after four guesses, until the user has
    // logged in, or never stops.
    const auto joe = attempt("joe", "127.0.0.1");
    for (const Seconds every : {20u, 60u, 300u, 600u, 1800u})
        for (const int at_once : {4, 1'000'000}) {
            CAPTURE(every);
            CAPTURE(at_once);
            Guard guard;
            int first_hour = 0;
            int guesses = 0;
            int since = 0;
            int logins = 0;
            for (Seconds second = 1; second <= day; ++second) {
                const auto decision = guard.rule.decide(joe, noon + second);
                if (decision.kind != Decision::Kind::admitted) continue;
                const bool user = second % every < 20 && since > 0;
                if (user || since >= at_once) {
                    guard.rule.take_back(joe, decision.charge, noon + second);
                    if (!user) continue;
                    guard.rule.succeed(joe, guard.rule.charge(joe, noon + second), noon + second);
                    since = 0;
                    ++logins;
                    continue;
                }
                ++since;
                ++guesses;
                if (second <= 3600) first_hour = guesses;
            }
            CHECK(logins > 5);
            CHECK(first_hour <= 15);
            CHECK(guesses <= 300);
        }
}

TEST_CASE("clearing a name clears also what is older than half the window") {
    Guard guard;
    // Its counters began at different times.
    for (int i = 0; i < 3000; ++i)
        guard.fail(attempt("other" + std::to_string(i), std::nullopt), noon + Seconds(i % 1700));
    const auto joe = attempt("joe");
    guard.fail(joe, noon + 1700, 2);
    guard.fail(joe, noon + 2500, 2);
    guard.fail(joe, noon + 3000);
    CHECK(guard.rule.wait(joe, noon + 3000) > 0);
    CHECK(guard.rule.clear("joe", noon + 3000));
    CHECK(guard.failures(joe, Kind::pair, noon + 3000) == 0);
}

TEST_CASE("charges that are taken back leave no trace, in whatever order") {
    Guard guard;
    for (int i = 0; i < 200; ++i)
        guard.fail(attempt("user" + std::to_string(i), "10.0.0." + std::to_string(i)), noon);
    guard.fail(attempt("joe"), noon, 5);
    const ThrottleTable before = *guard.table;
    const auto joe = attempt("joe");

    SUBCASE("one") {
        guard.rule.take_back(joe, guard.rule.charge(joe, noon + 100), noon + 101);
        CHECK(same(before, *guard.table));
        CHECK(guard.rule.wait(joe, noon + 100) == 0);
    }
    SUBCASE("two, nested") {
        const auto first = guard.rule.charge(joe, noon + 100);
        const auto second = guard.rule.charge(joe, noon + 101);
        guard.rule.take_back(joe, second, noon + 102);
        guard.rule.take_back(joe, first, noon + 103);
        CHECK(same(before, *guard.table));
    }
    SUBCASE("two that overlap: the count is right, the last failure later at most") {
        const auto first = guard.rule.charge(joe, noon + 100);
        const auto second = guard.rule.charge(joe, noon + 101);
        guard.rule.take_back(joe, first, noon + 102);
        guard.rule.take_back(joe, second, noon + 103);
        CHECK(guard.rule.wait(joe, noon + 101) <= 10);
        guard.fail(joe, noon + 200);
        CHECK(guard.rule.wait(joe, noon + 200) == 20);
    }
    SUBCASE("one whose half of the window is over") {
        const auto charge = guard.rule.charge(joe, noon + 1799);
        guard.fail(joe, noon + 1800);
        guard.rule.take_back(joe, charge, noon + 1801);
        CHECK(guard.rule.wait(joe, noon + 1800) == 20);
    }
    SUBCASE("one whose window is over") {
        const auto charge = guard.rule.charge(joe, noon + 100);
        guard.fail(joe, noon + 4000, 5);
        guard.rule.take_back(joe, charge, noon + 4001);
        CHECK(guard.rule.wait(joe, noon + 4001) == 9);
    }
}

TEST_CASE("trouble counts for a quarter of a failure, for pair, address and login") {
    Guard guard;
    const auto joe = attempt("joe");
    Seconds now = noon;
    for (int i = 1; i <= 20; ++i) {
        CHECK(guard.rule.wait(joe, now) == 0);
        const auto charge = guard.rule.charge(joe, now);
        guard.rule.take_most_back(joe, charge, now + 1);
        for (const Kind kind : {Kind::pair, Kind::address, Kind::login})
            CHECK(guard.failures(joe, kind, now) == i / 4.0);
        now += 2;
    }
    // That makes five failures, which is the limit of the pair, and the last one starts the wait.
    CHECK(guard.rule.wait(joe, now) == 8);
    now += 8;
    for (int i = 0; i < 4; ++i) {
        CHECK(guard.rule.wait(joe, now) == 0);
        guard.rule.take_most_back(joe, guard.rule.charge(joe, now), now);
        now += 10;
    }
    CHECK(guard.rule.wait(joe, now) == 10); // and the next whole failure doubles it

    // It is so, too, if another attempt came between, and if the half of the window is over.
    Guard other;
    const auto charge = other.rule.charge(joe, noon + 1799);
    other.fail(joe, noon + 1800);
    other.rule.take_most_back(joe, charge, noon + 3599);
    CHECK(other.failures(joe, Kind::pair, noon + 3599) == 1.25);
}

TEST_CASE("an estimate is never too low, and never much too high") {
    // Compared with exact counts: a counter has at least the failures of the last half window, and
    // at most those of the whole window, if other names add none.
    constexpr ThrottleLimits limits{3, 600};
    Guard guard{limits};
    std::mt19937 random{1};
    std::map<std::string, std::deque<Seconds>> failures;
    Seconds now = noon;
    for (int step = 0; step < 20'000; ++step) {
        now += static_cast<Seconds>(random() % 3);
        const auto login = "user" + std::to_string(random() % 60);
        auto& times = failures[login];
        const auto within = [&](Seconds age) {
            return std::count_if(times.begin(), times.end(),
                                 [&](Seconds time) { return now - time < age; });
        };
        // Without an address, so that only pair and login count. The limit of the login is far
        // away.
        const auto who = make_attempt(login, std::nullopt, {});
        const auto wait = guard.rule.wait(who, now);
        const bool must_wait = within(limits.window / 2) >= 3 && now - times.back() < first_wait;
        const bool may_wait = within(limits.window) >= 3;
        CHECK_MESSAGE((wait > 0 || !must_wait), login);
        CHECK_MESSAGE((wait == 0 || may_wait), login);
        if (wait > 0) continue;
        const auto charge = guard.rule.charge(who, now);
        if (random() % 4 == 0)
            guard.rule.take_back(who, charge, now);
        else
            times.push_back(now);
    }
}

TEST_CASE("random logins cannot fill the table: how many strangers wait") {
    // The page states these numbers. All failures are in one second, so that no wait is over.
    const auto share = [](const Guard& guard) {
        constexpr int strangers = 20'000;
        int waiting = 0;
        for (int i = 0; i < strangers; ++i) {
            const auto address =
                "172.16." + std::to_string(i / 250) + "." + std::to_string(i % 250);
            if (guard.rule.wait(attempt("stranger" + std::to_string(i), address), noon) > 0)
                ++waiting;
        }
        return 1.0 * waiting / strangers;
    };
    const auto network = [](int i) {
        return "2001:db8:" + std::to_string(i / 5000) + ":" + std::to_string(i % 5000) + "::1";
    };
    // Each login once, and each from another network.
    const auto once_each = [&](int failures) {
        Guard guard;
        for (int i = 0; i < failures; ++i)
            guard.fail(attempt("random" + std::to_string(i), network(i)), noon);
        return share(guard);
    };
    CHECK(once_each(10'000) == 0);
    CHECK(once_each(30'000) < 0.0001);
    // The worst case: the failures bring as many pairs, addresses and logins as possible to their
    // limit.
    const auto worst = [&](int failures) {
        Guard guard;
        for (int i = 0; i < failures / 5; ++i)
            guard.fail(attempt("random" + std::to_string(i % (failures / 50)), network(i / 4)),
                       noon, 5);
        return share(guard);
    };
    CHECK(worst(1'000) == 0);
    CHECK(worst(10'000) < 0.001);
    CHECK(worst(30'000) < 0.03);
    CHECK(once_each(100'000) < 0.66);
    CHECK(worst(100'000) < 0.51);
}

TEST_CASE("how many strangers pass for addresses that succeeded") {
    // The page states these numbers.
    const auto share = [](Guard& guard) {
        guard.attack("joe", noon);
        for (auto& draw : guard.table->draws) draw = {noon / 60, {}, 3, 32}; // nobody is drawn
        constexpr int strangers = 20'000;
        int admitted = 0;
        for (int i = 0; i < strangers; ++i)
            admitted += guard.admits(
                attempt("joe", "172.16." + std::to_string(i / 250) + "." + std::to_string(i % 250)),
                noon);
        return 1.0 * admitted / strangers;
    };
    // Somebody succeeds so often, evenly in 90 days, from another network each time.
    const auto succeed = [](Guard& guard, int successes, auto&& login) {
        for (int i = 0; i < successes; ++i) {
            const Seconds now = noon - Seconds(89 - std::int64_t{i} * 90 / successes) * day;
            const auto who = attempt(login(i), "2001:db8:" + std::to_string(i % 64) + ":" +
                                                   std::to_string(i / 64) + "::1");
            guard.rule.succeed(who, {}, now);
        }
    };
    for (const auto& [successes, most] :
         {std::pair{10'000, 0.0}, {30'000, 0.0003}, {100'000, 0.012}, {300'000, 0.23}}) {
        CAPTURE(successes);
        Guard guard;
        succeed(guard, successes, [](int i) { return "user" + std::to_string(i); });
        CHECK(share(guard) <= most);
    }
    // Few accounts cannot do that, from however many networks.
    for (const auto& [accounts, most] : {std::pair{1, 0.0}, {10, 0.0003}}) {
        CAPTURE(accounts);
        Guard guard;
        succeed(guard, 320'000, [&](int i) { return "eve" + std::to_string(i % accounts); });
        CHECK(share(guard) <= most);
    }
}

TEST_CASE("a login succeeds from new addresses without a limit, and 32 a day are remembered") {
    Guard guard;
    const auto from = [](int i) {
        auto who = attempt("joe", "10.0." + std::to_string(i) + ".1");
        who.address_counts = false;
        return who;
    };
    const auto remembered = [&](Seconds now) {
        guard.attack("joe", now);
        int count = 0;
        for (int i = 0; i < 100; ++i) {
            for (auto& draw : guard.table->draws) draw = {now / 60, {}, 3, 32};
            count += guard.admits(from(i), now);
        }
        return count;
    };
    const auto succeed = [&](int first, int end, Seconds now) {
        for (int i = first; i < end; ++i) {
            guard.rule.succeed(from(i), guard.rule.charge(from(i), now), now);
        }
    };
    for (int again = 0; again < 10; ++again) succeed(0, 20, noon); // these are new once
    succeed(20, 50, noon);
    CHECK(remembered(noon) == 32);
    succeed(0, 50, noon + day);
    CHECK(remembered(noon + day) == 50);
    succeed(50, 100, noon - day); // the clock was set back
    CHECK(remembered(noon + day) == 82);
    const auto home = attempt("ann", "10.0.0.1");
    guard.rule.succeed(home, {}, noon - day);
    guard.attack("ann", noon);
    for (auto& draw : guard.table->draws) draw = {noon / 60, {}, 3, 32};
    CHECK(guard.admits(home, noon));
}

TEST_CASE("only the key tells where a name is counted") {
    const auto table_of = [](const SipKey& with) {
        auto table = std::make_unique<ThrottleTable>();
        Throttle{*table, with, {}}.charge(attempt("joe"), noon);
        return table;
    };
    const auto one = table_of(key);
    CHECK(same(*one, *table_of(key)));
    CHECK(!same(*one, *table_of({key[0], key[1] ^ 1})));
    CHECK(!same(*one, *table_of({key[0] ^ 1, key[1]})));
}

TEST_CASE("how many guesses a patient attacker gets") {
    // The page states these numbers. A guesser who knows the rule tries whenever no wait is due.
    struct Guesses {
        int first_hour = 0;
        int day = 0;
    };
    const auto run = [](const std::function<Attempt(int)>& next, ThrottleLimits limits = {},
                        bool trouble = false) {
        Guard guard{limits};
        Guesses guesses;
        for (Seconds time = 1; time <= day; ++time)
            for (;;) {
                const auto who = next(guesses.day);
                const auto decision = guard.rule.decide(who, time);
                if (decision.kind != Decision::Kind::admitted) break;
                if (trouble) guard.rule.take_most_back(who, decision.charge, time);
                ++guesses.day;
                if (time <= 3600) guesses.first_hour = guesses.day;
            }
        return guesses;
    };
    const auto spared = [](int) { return attempt("joe", "127.0.0.1"); };
    const auto pair = run(spared);
    CHECK(pair.first_hour <= 15);
    CHECK(pair.day <= 300);
    // A pair that waits is not drawn. With one try, the login is soon under attack.
    CHECK(run(spared, {1, 3600}).day <= 300);
    CHECK(run(spared, {5, 86'400}).day <= 150);
    const auto user = [](int i) { return attempt("user" + std::to_string(i)); };
    const auto address = run(user);
    CHECK(address.first_hour <= 30);
    CHECK(address.day <= 700);
    const auto network = [](int i) {
        return attempt("joe", "10." + std::to_string(i / 250) + ".0." + std::to_string(i % 250));
    };
    const auto login = run(network);
    CHECK(login.first_hour <= 115);
    CHECK(login.day <= 1500);

    // An outage: the first store judges the password, and the next one has trouble.
    const auto outage = [&](auto&& next) { return run(next, {}, true); };
    const auto pair_then = outage(spared);
    CHECK(pair_then.first_hour <= 50);
    CHECK(pair_then.day <= 1000);
    const auto address_then = outage(user);
    CHECK(address_then.first_hour <= 110);
    CHECK(address_then.day <= 2500);
    const auto login_then = outage(network);
    CHECK(login_then.first_hour <= 260);
    CHECK(login_then.day <= 1650);
    // Four networks never bring the login to its limit.
    const auto four_then =
        outage([](int i) { return attempt("joe", "10.0." + std::to_string(i % 4) + ".1"); });
    CHECK(four_then.first_hour <= 192);
    CHECK(four_then.day <= 4000);
    CHECK(four_then.day >= 3900);
}

TEST_CASE("how many guesses an attacker gets who knows the counts and the draw") {
    // The page states these numbers. The guesser tries freely while the login is below its limit.
    // In every so many minutes of the draw, networks try until enough of them were admitted. Each
    // attempt is from a new address. With pauses, the second half of each hour is one.
    struct Pattern {
        int networks;
        int enough;
        Seconds every;
        bool pauses;
        int most; // in the day
    };
    for (const auto& [networks, enough, every, pauses, most] :
         {Pattern{1, 1, 1, false, 2000}, Pattern{4, 4, 2, false, 2000},
          Pattern{4, 4, 4, false, 2000}, Pattern{5, 5, 3, false, 2000},
          Pattern{8, 6, 2, false, 2000}, Pattern{8, 3, 1, true, 2000},
          Pattern{250, 250, 1, false, 2000}, Pattern{250, 250, 1, true, 2200}})
        for (const bool trouble : {false, true}) {
            CAPTURE(networks);
            CAPTURE(enough);
            CAPTURE(every);
            CAPTURE(pauses);
            CAPTURE(trouble);
            Guard guard;
            int guesses = 0;
            int tried = 0;
            const auto admits = [&](int network, Seconds now) {
                ++tried;
                auto who = attempt("joe", "2001:db8:" + std::to_string(network) + ":" +
                                              std::to_string(tried % 10'000) + "::1");
                const auto decision = guard.rule.decide(who, now);
                const bool admitted = decision.kind == Decision::Kind::admitted;
                if (admitted && trouble) guard.rule.take_most_back(who, decision.charge, now);
                guesses += admitted;
                return admitted;
            };
            int in_first_hour = 0;
            for (Seconds minute = 0; minute < day / 60; ++minute) {
                if (minute == 60) in_first_hour = guesses;
                if (pauses && minute % 60 >= 30) continue;
                const Seconds now = noon + minute * 60;
                while (guard.failures(attempt("joe"), Kind::login, now) < 50) admits(0, now);
                if (minute % every != 0) continue;
                for (int i = 0, in_this = 0; i < networks && in_this < enough; ++i)
                    in_this += admits(i, now);
            }
            CHECK(in_first_hour <= (trouble ? 270 : 120));
            CHECK(guesses <= (trouble ? 5750 : most));
        }
}

TEST_CASE("the list tells who waits, and names are cleared by login or address") {
    Guard guard;
    guard.fail(attempt("Joe"), noon, 6);
    guard.fail(attempt("joe", "2001:db8::1"), noon, 5);
    guard.fail(attempt("ann"), noon, 4);
    for (int i = 0; i < 10; ++i) guard.fail(attempt("x" + std::to_string(i)), noon);
    for (int i = 0; i < 50; ++i) guard.fail(attempt("bob", "10.0.0." + std::to_string(i)), noon);
    auto list = guard.rule.list(noon + 1);
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
        return a.wait > b.wait || (a.wait == b.wait && a.kind < b.kind);
    });
    REQUIRE(list.size() == 4);
    CHECK(list[0].kind == Kind::pair);
    CHECK(list[0].login == "joe");
    CHECK(list[0].address == "192.0.2.1");
    CHECK(list[0].failures == 6);
    CHECK(list[0].wait == 19);
    CHECK(list[1].kind == Kind::pair);
    CHECK(list[1].address == "2001:db8::/64");
    CHECK(list[2].kind == Kind::address);
    CHECK(list[2].address == "192.0.2.1");
    CHECK(list[2].failures == 20);
    CHECK(list[3].kind == Kind::login);
    CHECK(list[3].login == "bob");
    CHECK(list[3].failures == 50);
    CHECK(list[3].wait == 0);
    CHECK(list[3].one_in == 1);
    CHECK(guard.rule.list(noon + 10).size() == 2);
    CHECK(guard.rule.list(noon + 20).size() == 1);
    CHECK(guard.rule.list(noon + 3600).empty());
    for (int i = 0; i < 200; ++i)
        (void)guard.decide(attempt("bob", "10.0." + std::to_string(i) + ".1"), noon + 20);
    list = guard.rule.list(noon + 20);
    REQUIRE(list.size() == 1);
    CHECK(list[0].one_in >= 16);
    CHECK(list[0].one_in <= 1024);

    CHECK(!guard.rule.clear("nobody", noon));
    CHECK(!guard.rule.clear("192.0.2.99", noon));
    CHECK(guard.rule.clear(" JOE", noon));
    CHECK(guard.rule.wait(attempt("joe", "2001:db8::1"), noon) == 0);
    CHECK(guard.rule.wait(attempt("joe", "192.0.2.1"), noon) == 10); // its address still waits
    CHECK(guard.rule.clear("192.0.2.1", noon));
    CHECK(guard.rule.wait(attempt("joe", "192.0.2.1"), noon) == 0);
    CHECK(guard.rule.clear("bob", noon));
    CHECK(guard.rule.list(noon).empty());
    guard.fail(attempt("eve", "2001:db8::1"), noon, 5);
    CHECK(guard.rule.clear("2001:db8::/64", noon));
    CHECK(guard.rule.wait(attempt("eve", "2001:db8::1"), noon) == 0);
}

TEST_CASE("a clock that was set back, or bytes that nobody wrote, lock nobody out") {
    Guard guard;
    guard.fail(attempt("joe"), noon, 100);
    CHECK(guard.rule.wait(attempt("joe"), noon - 5) == 0);
    guard.fail(attempt("joe"), noon - 5, 5);
    CHECK(guard.rule.wait(attempt("joe"), noon - 5) == 10);

    std::mt19937 random{2};
    auto* const bytes = reinterpret_cast<unsigned char*>(guard.table.get());
    for (int i = 0; i < 20; ++i) {
        std::generate(bytes, bytes + sizeof(ThrottleTable),
                      [&] { return static_cast<unsigned char>(random()); });
        for (Waiter& waiter : guard.table->waiters) {
            waiter.tries = random() % 2 == 0 ? 1 : 5000;
            waiter.window = 3600;
            if (random() % 2 == 0) waiter.login.back() = waiter.address.back() = '\0';
        }
        const auto charge = guard.rule.charge(attempt("joe"), noon);
        CHECK(guard.rule.wait(attempt("joe"), noon) <= longest_wait);
        guard.rule.succeed(attempt("joe"), charge, noon + 1);
        (void)guard.decide(attempt("joe"), noon);
        (void)guard.rule.list(noon);
        (void)guard.rule.clear("joe", noon);
    }
}
