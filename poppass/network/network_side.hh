// The network side: the process that reads the client's bytes and has no privileges.
#pragma once

#include "base/fd.hh"
#include "configuration/configuration.hh"

namespace poppass {

// Serves the client on descriptors 0 and 1; `monitor` is our end of the pair. Drops its privileges
// first; where that fails, it reads nothing and ends. Never returns.
[[noreturn]] void run_network_side(const Configuration& configuration, Fd monitor);

} // namespace poppass
