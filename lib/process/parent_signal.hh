// The signal that the system sends to a process when its parent ends.
#pragma once

#include <sys/types.h>

namespace poppass {

struct ParentSignal {
    int number = 0; // 0: none
    pid_t parent = 0;
};

// The signal that this process gets, and its parent. A change of ids clears the signal, even one
// for a while: read it before, and set it again after. Other systems than Linux have no such
// signal.
ParentSignal parent_signal();

// Sets it, and nothing where there is none to set. If the parent has ended meanwhile, the signal
// comes at once. False, with errno, if the system refuses. Fork, a change of ids and set-user-ID
// programs clear it; other programs keep it.
bool set_parent_signal(const ParentSignal& signal);

} // namespace poppass
