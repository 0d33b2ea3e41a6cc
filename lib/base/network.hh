// What the links share that ask servers over the network.
#pragma once

#include "base/clock.hh"

#include <sys/socket.h>

namespace poppass {

// Waits until the descriptor is ready for these events of poll(2). False, with errno set, if it is
// not ready by then, or if the deadline has passed: a peer that sends all the time is late too.
bool wait_for(int fd, short events, Clock::time_point deadline);

bool is_loopback(const sockaddr* address);

// From now on each name server gets one try of two seconds.
void hurry_resolver();

} // namespace poppass
