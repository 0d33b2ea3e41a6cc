// The state that the network side must not be able to forge: whether a check was accepted, how many
// tries are left, and when an answer may be given. Pure: the caller passes times in.
#pragma once

#include "process/child.hh"
#include "protocol/verdict.hh"

#include <chrono>

namespace poppass {

// What a chain's end means. poppass-chain(7) has the table. Only the status counts, and any other
// end is `unknown`, never accepted.
ChainOutcome outcome_of(const ChildEnd& end);

// How often the change chain may refuse a new password before the old one must be checked again.
inline constexpr int refusals_per_check = 10;

class MonitorRules {
public:
    // `tries`: failed checks until the session ends. `delay`: how long the answer to each one is
    // held back.
    MonitorRules(int tries, std::chrono::seconds delay) : tries_left_(tries), delay_(delay) {}

    // Whether a check may be run now. A check that was accepted before does not count any more.
    [[nodiscard]] bool begin_check();

    struct CheckDecision {
        bool last;                          // no other check may follow
        std::chrono::nanoseconds answer_at; // from the arrival of the request
    };
    // `took`: from the arrival of the request to the end of the check. A check that was not
    // accepted is answered at the first whole multiple of the delay that has not passed, so that
    // its time tells nothing.
    CheckDecision end_check(ChainOutcome outcome, std::chrono::nanoseconds took);

    // Whether a change may be run now: only after an accepted check.
    [[nodiscard]] bool begin_change() const { return refusals_left_ > 0; }

    // True where another change needs a new check.
    bool end_change(ChainOutcome outcome);

    void forget() { refusals_left_ = 0; }

private:
    int tries_left_;
    int refusals_left_ = 0; // above 0: a check was accepted and still counts
    std::chrono::seconds delay_;
};

} // namespace poppass
