// Charges an attempt before the chain judges the password, and settles the charge afterwards.
#pragma once

#include "throttle/throttle_state.hh"

#include <string>

namespace poppass {

class ChargedAttempt {
public:
    ChargedAttempt(const std::string& directory, ThrottleLimits limits, Attempt who)
        : directory_(directory), limits_(limits), who_(std::move(who)) {}

    // Charges the attempt and returns 0. If the attempt has to wait, charges nothing and returns
    // for how long.
    Result<Seconds> charge();

    enum class Outcome {
        right,   // the chain accepted it
        trouble, // perhaps a store had judged the password before
        not_run, // nothing was learned of the password
    };
    // If this fails, the charge stays, and a line on descriptor 2 says so. The chain's answer stays
    // the same.
    void settle(Outcome outcome) const;

    const Attempt& who() const { return who_; }

private:
    const std::string directory_;
    const ThrottleLimits limits_;
    const Attempt who_;
    SipKey key_{};
    Charge charge_;
};

} // namespace poppass
