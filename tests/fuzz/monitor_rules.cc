// A network side that was taken over asks for whatever it likes, in any order. First line: the
// tries; second: the delay in seconds; then one byte an order, and for a chain's end one more.
#include "monitor/rules.hh"

#include "fuzz/target.hh"

namespace poppass::fuzz {

using std::chrono::nanoseconds;

namespace {

ChainOutcome any_outcome(char c) {
    return static_cast<ChainOutcome>(static_cast<unsigned char>(c) %
                                     (static_cast<unsigned>(ChainOutcome::unknown) + 1));
}

void check_outcome(char how, char value) {
    const ChildEnd end{static_cast<ChildEnd::How>(static_cast<unsigned char>(how) % 4),
                       static_cast<unsigned char>(value)};
    const bool exited_0 = end.how == ChildEnd::How::exited && end.value == 0;
    must((outcome_of(end) == ChainOutcome::accepted) == exited_0,
         "only the exit status 0 is an acceptance");
}

} // namespace

void try_input(std::string_view input) {
    const int tries = static_cast<int>(take_number(input));
    const std::chrono::seconds delay{take_number(input)};
    MonitorRules rules{tries, delay};
    int failures = 0;
    int changes_left = 0; // after an accepted check
    while (input.size() >= 3) {
        const char order = input[0];
        const char first = input[1];
        const char second = input[2];
        input.remove_prefix(3);
        check_outcome(first, second);
        must(rules.begin_change() == (changes_left > 0),
             "a change follows an accepted check alone");
        if (order == 'c') {
            const bool may = rules.begin_check();
            must(may == (failures < tries), "no more checks may fail than there are tries");
            must(!rules.begin_change(), "a check forgets the one before");
            changes_left = 0;
            if (!may) continue;
            const ChainOutcome outcome = any_outcome(first);
            const nanoseconds took =
                std::chrono::milliseconds{50} * static_cast<unsigned char>(second);
            const auto decision = rules.end_check(outcome, took);
            must(decision.answer_at >= took, "no answer before its time");
            if (outcome == ChainOutcome::accepted) {
                changes_left = refusals_per_check;
                must(!decision.last && decision.answer_at == took, "an acceptance does not wait");
                continue;
            }
            ++failures;
            must(decision.last == (failures == tries), "the last of the tries is the last");
            must(decision.answer_at >= delay, "a failed check waits for the delay");
            must(delay.count() == 0 || decision.answer_at % delay == nanoseconds::zero(),
                 "and is answered at a multiple of it");
            must(delay.count() == 0 || took == nanoseconds::zero() ||
                     decision.answer_at - took < delay,
                 "the next one");
        } else if (order == 'n' && rules.begin_change()) {
            const ChainOutcome outcome = any_outcome(first);
            changes_left = outcome == ChainOutcome::rejected ? changes_left - 1 : 0;
            must(rules.end_change(outcome) == (changes_left == 0), "only refusals keep the check");
        } else if (order == 'f') {
            rules.forget();
            changes_left = 0;
        }
    }
}

} // namespace poppass::fuzz
