// Runs a chain as a child process: gives it its record, limits its time, takes its output, reaps
// it.
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

// The user that a process becomes, with one group and no others.
struct Identity {
    uid_t uid;
    gid_t gid;
};

struct Child {
    const std::string& path; // the program's file
    char* const* argv;       // as execve wants it
    const Secret* record =
        {}; // on its descriptor 3, at most longest_record bytes; null: 3 is closed
    std::chrono::seconds limit; // then it is told to end: SIGTERM to its process group
    // From SIGTERM to SIGKILL, and from there to the end of the wait.
    std::chrono::milliseconds grace = std::chrono::seconds{5};
    // These take what it writes to descriptors 1 and 2. Where one is empty, the child inherits
    // ours.
    std::function<void(std::string_view)> output = {};
    std::function<void(std::string_view)> errors = {};
    char* const* environment = environ;
    std::optional<Identity> identity = {}; // without one it keeps our ids
    bool ends_with_us = false; // it is killed when this process ends, also where that is killed
};

struct ChildEnd {
    enum class How {
        exited,      // value: the exit status
        killed,      // value: the signal
        overtime,    // it was ended after its limit, or does not even end then: what it did is
                     // not known
        not_started, // value: an errno value; the program did not run
    } how;
    int value;
    pid_t pid; // 0 where it was not started
};

// When the chain that this process is a part of is told to end, as far as the alarm tells with
// which run_child started the chain. Nothing without an alarm.
std::optional<std::chrono::steady_clock::time_point> chain_deadline();

// How it ended, for the log: its exit status, `signal9`, `overtime`, `not-started`.
std::string status_text(const ChildEnd& end);

// Call it once, before the first run_child. Gives SIGCHLD a handler, because statuses are lost
// where the parent had it ignored, and blocks it except while run_child waits.
void prepare_for_children();

// Runs the child to its end. Descriptor 0 is ours, 1 and 2 are ours or pipes, 3 is the record;
// every other descriptor must be close-on-exec. It runs in a process group of its own, with default
// signals, none blocked, no core dumps, and an alarm(2) ten seconds after its limit, which ends it
// where this process was killed. The result tells how the child itself ended. Processes
// that it left in its process group are killed then.
ChildEnd run_child(const Child& child);

} // namespace poppass
