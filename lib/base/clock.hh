// The clock that every limit is counted with.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace poppass {

using Clock = std::chrono::steady_clock;

// The time left until `then`, not below zero, as ppoll(2) wants it.
inline timespec time_until(Clock::time_point then) {
    const auto left = std::max(then - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {seconds.count(), static_cast<long>(std::chrono::nanoseconds{left - seconds}.count())};
}

} // namespace poppass
