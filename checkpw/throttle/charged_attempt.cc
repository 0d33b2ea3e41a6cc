#include "throttle/charged_attempt.hh"

#include "base/log.hh"

namespace poppass {

Result<Seconds> ChargedAttempt::charge() {
    auto state = ThrottleState::open(directory_);
    if (!state) return state.error();
    key_ = state->key();
    Throttle throttle = state->throttle(limits_);
    const Seconds now = state->now();
    const Seconds wait = throttle.wait(who_, now);
    if (wait == 0) charge_ = throttle.charge(who_, now);
    return wait;
}

void ChargedAttempt::settle(Outcome outcome) const {
    auto state = ThrottleState::open(directory_);
    if (!state) return complain("checkpw-throttle", state.error().message());
    if (state->key() != key_) return; // the file is new, and our charge is not in it
    Throttle throttle = state->throttle(limits_);
    switch (outcome) {
    case Outcome::right: return throttle.succeed(who_, charge_, state->now());
    case Outcome::trouble: return throttle.take_most_back(who_, charge_, state->now());
    case Outcome::not_run: return throttle.take_back(who_, charge_, state->now());
    }
}

} // namespace poppass
