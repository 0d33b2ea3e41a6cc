// Charges an attempt before the chain judges the password, and settles the charge afterwards.
#pragma once

#include "base/clock.hh"
#include "throttle/throttle_state.hh"

#include <string>

namespace poppass {

class ChargedAttempt {
public:
    ChargedAttempt(const std::string& directory, ThrottleLimits limits, Attempt who)
        : directory_(directory), limits_(limits), who_(std::move(who)) {}

    // Decides about the attempt, and charges it if it is admitted.
    Result<Decision> charge();

    enum class Outcome {
        right,   // the chain accepted it
        refused, // the charge stays, and the time is noted that the check took
        trouble, // perhaps a store had judged the password before
        not_run, // nothing was learned of the password
    };
    // If this fails, the charge stays, and a line on descriptor 2 says so. The chain's answer stays
    // the same.
    void settle(Outcome outcome) const;

    // Waits until a check that is refused would have come to its end.
    void wait_like_refusal() const;

    const Attempt& who() const { return who_; }

private:
    const std::string directory_;
    const ThrottleLimits limits_;
    const Attempt who_;
    SipKey key_{};
    Charge charge_;
    Clock::time_point started_;
    std::chrono::microseconds refusal_time_{};
};

} // namespace poppass
