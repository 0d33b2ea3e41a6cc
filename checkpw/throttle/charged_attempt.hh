// An attempt that is charged, and what became of it.
#pragma once

#include "throttle/throttle_state.hh"

#include <string>

namespace poppass {

class ChargedAttempt {
public:
    ChargedAttempt(const std::string& directory, ThrottleLimits limits, Attempt who)
        : directory_(directory), limits_(limits), who_(std::move(who)) {}

    // Charges the attempt; or says how long it has to wait, and then charges nothing.
    Result<Seconds> charge();

    enum class Outcome {
        right,
        not_judged, // nothing was learned of the password
    };
    // Where this fails the charge stays, and a line on descriptor 2 says so: the chain's answer
    // stands all the same.
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
