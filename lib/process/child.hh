// Runs a chain as a child: record in, bounded time, output drained, always reaped.
#pragma once

#include "base/secret.hh"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>

namespace poppass {

// Whom a process becomes, without other groups.
struct Identity {
    uid_t uid;
    gid_t gid;
};

struct Child {
    const std::string& path;   // the program's file
    char* const* argv;         // as execve wants it
    const Secret* record = {}; // at most longest_record bytes, on its descriptor 3; null: 3 is closed
    std::chrono::seconds limit; // then it is told to end: SIGTERM to its process group
    std::chrono::milliseconds grace = std::chrono::seconds{5}; // from SIGTERM to SIGKILL
    // Take what it writes to descriptors 1 and 2; where empty, it inherits ours.
    std::function<void(std::string_view)> output = {};
    std::function<void(std::string_view)> errors = {};
    char* const* environment = environ;
    std::optional<Identity> identity = {}; // nothing: ours
};

struct ChildEnd {
    enum class How {
        exited,      // value: the exit status
        killed,      // value: the signal
        overtime,    // it was told to end: what it did is not known
        not_started, // value: an errno; nothing of it ran
    } how;
    int value;
    pid_t pid; // 0 where it was not started
};

// Once, before the first run_child: makes SIGCHLD count even where the parent ignored it, and keeps
// it blocked but for the time that run_child waits.
void prepare_for_children();

// Runs the child to its end. Descriptor 0 is ours, 1 and 2 are ours or pipes, 3 is the record; every
// other descriptor must be close-on-exec. It runs in a process group of its own,
// with default signals, none blocked, and no core dumps. The verdict is that of the direct child;
// when it has ended, what it left behind in its process group is killed.
ChildEnd run_child(const Child& child);

} // namespace poppass
