// A limit on the time of calls that nothing else can end.
#pragma once

#include "base/clock.hh"

#include <csignal>

namespace poppass {

// If it exists for longer than `limit`, the process ends with 111 and a line on descriptor 2. An
// alarm that the process has already counts too, and goes on afterwards.
class Alarm {
public:
    explicit Alarm(std::chrono::seconds limit);
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    ~Alarm();

private:
    Clock::time_point began_ = Clock::now();
    struct sigaction action_ {}; // before
    sigset_t mask_{};            // before
    unsigned left_;              // seconds of the earlier alarm; 0: there is none
};

} // namespace poppass
