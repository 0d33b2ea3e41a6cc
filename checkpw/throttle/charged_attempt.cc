#include "throttle/charged_attempt.hh"

#include "base/log.hh"

#include <thread>

namespace poppass {

Result<Decision> ChargedAttempt::charge() {
    auto state = ThrottleState::open(directory_);
    if (!state) return state.error();
    started_ = Clock::now();
    key_ = state->key();
    Throttle throttle = state->throttle(limits_);
    const Decision decision = throttle.decide(who_, state->now());
    charge_ = decision.charge;
    refusal_time_ = throttle.refusal_time();
    return decision;
}

void ChargedAttempt::wait_like_refusal() const {
    std::this_thread::sleep_until(started_ + refusal_time_);
}

void ChargedAttempt::settle(Outcome outcome) const {
    const auto took = Clock::now() - started_;
    auto state = ThrottleState::open(directory_);
    if (!state) return complain("checkpw-throttle", state.error().message());
    if (state->key() != key_) return; // the file is new, and our charge is not in it
    Throttle throttle = state->throttle(limits_);
    switch (outcome) {
    case Outcome::right: return throttle.succeed(who_, charge_, state->now());
    case Outcome::refused:
        return throttle.note_refusal(std::chrono::duration_cast<std::chrono::microseconds>(took));
    case Outcome::trouble: return throttle.take_most_back(who_, charge_, state->now());
    case Outcome::not_run: return throttle.take_back(who_, charge_, state->now());
    }
}

} // namespace poppass
