// The clock that all time limits use.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace poppass {

using Clock = std::chrono::steady_clock;

// The time left until `then`, at least zero, in the form that ppoll(2) takes.
inline timespec time_until(Clock::time_point then) {
    const auto left = std::max(then - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {seconds.count(), static_cast<long>(std::chrono::nanoseconds{left - seconds}.count())};
}

} // namespace poppass
