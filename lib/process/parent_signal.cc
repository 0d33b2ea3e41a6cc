#include "process/parent_signal.hh"

#include <csignal>
#include <unistd.h>
#ifdef POPPASS_LINUX
#include <sys/prctl.h>
#endif

namespace poppass {

ParentSignal parent_signal() {
    ParentSignal signal{0, ::getppid()};
#ifdef POPPASS_LINUX
    ::prctl(PR_GET_PDEATHSIG, &signal.number);
#endif
    return signal;
}

bool set_parent_signal(const ParentSignal& signal) {
    if (signal.number == 0) return true;
#ifdef POPPASS_LINUX
    if (::prctl(PR_SET_PDEATHSIG, signal.number) != 0) return false;
    // A parent that ended before this call sends nothing any more.
    if (::getppid() != signal.parent) return ::kill(::getpid(), signal.number) == 0;
#endif
    return true;
}

} // namespace poppass
