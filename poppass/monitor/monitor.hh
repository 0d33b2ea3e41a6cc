// The monitor: the process that keeps the privileges, runs the chains, and stores what the network
// side must not be able to forge.
#pragma once

#include "base/fd.hh"
#include "configuration/configuration.hh"
#include "monitor/event_log.hh"

#include <optional>
#include <string>
#include <sys/types.h>

namespace poppass {

// Serves the network side, process `network`, on our end of the pair, until the session is over and
// that process has ended. Descriptors 0 and 1 must be /dev/null, and so must 2 where the log goes
// to syslog. Returns the exit status of poppass.
int run_monitor(const Configuration& configuration, const EventLog& log,
                const std::optional<std::string>& peer, Fd network_end, pid_t network);

// Call it once, before the fork. Blocks SIGTERM, SIGINT, SIGHUP and SIGQUIT except while the
// monitor waits for a request, and makes a write that nobody can read an error instead of a signal.
void prepare_monitor_signals();

} // namespace poppass
