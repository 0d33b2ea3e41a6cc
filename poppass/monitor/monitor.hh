// The monitor: the process that keeps the privileges and runs the chains, and holds what the network
// side must not be able to forge.
#pragma once

#include "configuration/configuration.hh"
#include "monitor/event_log.hh"
#include "base/fd.hh"

#include <optional>
#include <string>
#include <sys/types.h>

namespace poppass {

// Serves the network side, process `network`, on our end of the pair, until the session is over and the
// process is gone. Descriptors 0 and 1, and 2 where log goes to syslog, must be /dev/null by now.
// Returns poppass's exit status.
int run_monitor(const Configuration& configuration, const EventLog& log,
                const std::optional<std::string>& peer, Fd network_end, pid_t network);

// Once, before the processes part: SIGTERM, SIGINT, SIGHUP and SIGQUIT are kept blocked but for the
// time that the monitor waits for a request; a write to nobody is an error, no signal.
void prepare_monitor_signals();

} // namespace poppass
