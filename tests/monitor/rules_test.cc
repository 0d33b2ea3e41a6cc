#include "monitor/rules.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <csignal>

using namespace poppass;
using namespace poppass::test;
using namespace std::chrono_literals;
using How = ChildEnd::How;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr ChainOutcome outcomes[] = {ChainOutcome::accepted, ChainOutcome::rejected,
                                     ChainOutcome::misused, ChainOutcome::temporary,
                                     ChainOutcome::unknown};

} // namespace

TEST_CASE("what every exit status means") {
    for (int status = 0; status <= 255; ++status) {
        CAPTURE(status);
        const auto wanted = status == 0     ? ChainOutcome::accepted
                            : status == 2   ? ChainOutcome::misused
                            : status == 111 ? ChainOutcome::temporary
                            : status <= 100 ? ChainOutcome::rejected
                                            : ChainOutcome::unknown;
        CHECK(outcome_of({How::exited, status, 1}) == wanted);
    }
}

TEST_CASE("only an exit with 0 is an acceptance") {
    for (int value = -1; value <= 300; ++value) {
        CAPTURE(value);
        CHECK(outcome_of({How::killed, value, 1}) == ChainOutcome::unknown);
        CHECK(outcome_of({How::overtime, value, 1}) == ChainOutcome::unknown);
        CHECK(outcome_of({How::not_started, value, 0}) == ChainOutcome::temporary);
    }
    for (const int odd : {-1, -256, 256, 512, 1 << 30})
        CHECK(outcome_of({How::exited, odd, 1}) == ChainOutcome::unknown);
}

TEST_CASE("a failed check is answered at a whole multiple of the delay") {
    struct Case {
        seconds delay;
        nanoseconds took;
        nanoseconds answer_at;
    };
    const Case cases[] = {
        {5s, 0ns, 5s},           {5s, 1ns, 5s},
        {5s, 4'999ms, 5s},       {5s, 5s, 5s},
        {5s, 5s + 1ns, 10s},     {5s, 10s, 10s},
        {5s, 10s + 1ns, 15s},    {5s, 60s, 60s},
        {5s, 61s, 65s},          {1s, 0ns, 1s},
        {1s, 999'999'999ns, 1s}, {1s, 1'000'000'001ns, 2s},
        {0s, 0ns, 0ns},          {0s, 17ms, 17ms},
        {86'400s, 1s, 86'400s},  {86'400s, 86'401s, 172'800s},
    };
    for (const auto& [delay, took, answer_at] : cases)
        for (const auto outcome : outcomes) {
            CAPTURE(delay.count());
            CAPTURE(took.count());
            MonitorRules rules{3, delay};
            REQUIRE(rules.begin_check());
            const auto decision = rules.end_check(outcome, took);
            // A right password is answered at once.
            CHECK(decision.answer_at.count() ==
                  (outcome == ChainOutcome::accepted ? took : answer_at).count());
        }
}

TEST_CASE("the tries: every check that was not accepted is one, an accepted one is none") {
    for (const int tries : {1, 2, 3, 7, 1000})
        for (const auto outcome : outcomes) {
            MonitorRules rules{tries, 0s};
            if (outcome == ChainOutcome::accepted) {
                for (int i = 0; i < 2000; ++i) {
                    REQUIRE(rules.begin_check());
                    REQUIRE_FALSE(rules.end_check(outcome, 0ns).last);
                }
                continue;
            }
            for (int left = tries; left > 0; --left) {
                REQUIRE(rules.begin_check());
                REQUIRE(rules.end_check(outcome, 0ns).last == (left == 1));
                // In between, neither an accepted one nor anything else gives a try back.
                if (left > 1) {
                    REQUIRE(rules.begin_check());
                    REQUIRE_FALSE(rules.end_check(ChainOutcome::accepted, 0ns).last);
                    (void)rules.end_change(ChainOutcome::accepted);
                    rules.forget();
                }
            }
            CHECK_FALSE(rules.begin_check());
            CHECK_FALSE(rules.begin_check());
            CHECK_FALSE(rules.begin_change());
        }
}

TEST_CASE("without tries left no check runs") {
    CHECK_FALSE(MonitorRules{0, 0s}.begin_check());
    CHECK_FALSE(MonitorRules{-1, 0s}.begin_check());
    CHECK_FALSE(MonitorRules{3, 0s}.begin_change());
}

TEST_CASE("an accepted check takes ten refusals, and nothing but refusals") {
    MonitorRules rules{3, 0s};
    REQUIRE(rules.begin_check());
    (void)rules.end_check(ChainOutcome::accepted, 0ns);
    for (int i = 1; i <= refusals_per_check; ++i) {
        REQUIRE(rules.begin_change());
        CHECK(rules.end_change(ChainOutcome::rejected) == (i == refusals_per_check));
    }
    CHECK_FALSE(rules.begin_change());
    for (const auto outcome : outcomes) {
        if (outcome == ChainOutcome::rejected) continue;
        REQUIRE(rules.begin_check());
        (void)rules.end_check(ChainOutcome::accepted, 0ns);
        REQUIRE(rules.begin_change());
        CHECK(rules.end_change(outcome));
        CHECK_FALSE(rules.begin_change());
    }
}

namespace {

// All that a network side could ask for, honest or not, against a plain restatement of the rules.
struct Model {
    int tries;
    bool checked = false;
    int refusals = 0;
};

long states = 0;
long changes = 0;

void explore(const MonitorRules& rules, const Model& model, int depth) {
    ++states;
    MonitorRules probe = rules;
    REQUIRE(probe.begin_change() == model.checked);
    if (depth == 0) return;

    MonitorRules forgotten = rules;
    forgotten.forget();
    explore(forgotten, {model.tries}, depth - 1);

    MonitorRules begun = rules;
    const bool may = begun.begin_check();
    REQUIRE(may == (model.tries > 0));
    REQUIRE_FALSE(begun.begin_change()); // from the beginning of a check on
    if (may)
        for (const auto outcome : outcomes) {
            const bool accepted = outcome == ChainOutcome::accepted;
            MonitorRules ended = begun;
            Model after{accepted ? model.tries : model.tries - 1, accepted, 0};
            REQUIRE(ended.end_check(outcome, 0ns).last == (after.tries == 0));
            explore(ended, after, depth - 1);
        }

    if (!model.checked) return;
    for (const auto outcome : outcomes) {
        ++changes;
        MonitorRules ended = rules;
        Model after = model;
        after.checked = outcome == ChainOutcome::rejected && ++after.refusals < 10;
        REQUIRE(ended.end_change(outcome) == !after.checked);
        explore(ended, after, depth - 1);
    }
}

} // namespace

TEST_CASE("whatever is asked in whatever order, a change needs an accepted check") {
    for (const int tries : {1, 2, 3}) explore(MonitorRules{tries, 0s}, {tries}, 6);
    CHECK(states > 10'000);
    CHECK(changes > 1'000);
}
