// The rest of a chain as a child, for a link that must know how it ends.
#pragma once

#include "base/result.hh"
#include "link/chain.hh"
#include "process/child.hh"

#include <csignal>

namespace poppass {

struct Rest {
    std::string_view program; // our name, for the log
    Chain next;
    const sigset_t& blocked; // the signals that it begins with blocked
    bool ends_with_us;       // it is killed when this process ends, also where that is killed
};

// Runs the rest of the chain to its end, in our process group. It gets our descriptors that are not
// close-on-exec, and what is left of our alarm. Descriptor 3 is its record, and is closed here. The
// signals HUP, INT, QUIT, TERM, USR1 and USR2, which stay blocked here from then on, are passed on
// to it. `how` is exited or killed.
Result<ChildEnd> run_rest(const Rest& rest);

} // namespace poppass
