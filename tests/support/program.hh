// Runs the programs under test, with the few functions that their tests share. Every wait has a
// time limit, and only processes that were started here are ended.
#pragma once

#include "base/fd.hh"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace poppass::test {

// What the programs of this build have: the features that only Linux has, and two of those that
// sanitizers exclude: the filter, and that no other process may look into them.
#ifdef POPPASS_LINUX
inline constexpr bool linux_build = true;
#else
inline constexpr bool linux_build = false;
#endif
#ifdef POPPASS_SANITIZED
inline constexpr bool hardened = false;
#else
inline constexpr bool hardened = linux_build;
#endif

using std::chrono::milliseconds;
using Environment = std::map<std::string, std::optional<std::string>>;

struct Ids {
    uid_t uid;
    gid_t gid;
};

inline constexpr Ids nobody{65534, 65534};

// A program and its surroundings. It gets default signals with none blocked, a process group of its
// own, and only the descriptors that are named here.
struct Program {
    std::vector<std::string> argv; // argv[0] is a path, or a name that is looked for in PATH
    Environment environment = {};  // changes to ours; a variable without a value is unset
    bool inherit = true;           // false: `environment` is the whole environment
    std::optional<std::string> record = {}; // the bytes on descriptor 3; empty: 3 is closed
    std::string input = {};                 // the bytes on descriptor 0, before end of file
    std::optional<Ids> as = {};             // runs with these ids and no other groups; needs root
    std::string directory = {};             // empty: our directory
    std::vector<int> closed = {};           // which of 0, 1 and 2 are closed
    std::map<int, int> descriptors = {};    // the number there, and ours, which stays open
    milliseconds timeout{20'000};           // for the whole run; then SIGKILL to its group
    std::function<void()> before_exec = {}; // runs in the child just before exec
};

struct Outcome {
    int status = -1; // the exit status; -1 if it did not exit
    int signal = 0;  // the signal that ended it, or 0
    bool timed_out = false;
    std::string out; // what it wrote to descriptor 1
    std::string err; // what it wrote to descriptor 2
};

// A running program. If it cannot be started, the constructor throws std::runtime_error. The
// destructor kills what still runs.
class Process {
public:
    explicit Process(const Program& program);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    pid_t pid() const { return pid_; }
    const std::string& out() const { return outcome_.out; }
    const std::string& err() const { return outcome_.err; }
    void send(std::string_view bytes) { input_ += bytes; } // more for descriptor 0
    void signal(int number) const;                         // to the program only, while it runs

    // Runs until `done` returns true for out() and err(). False if the program ends or the time is
    // over before.
    bool run_until(const std::function<bool()>& done, milliseconds limit = milliseconds{10'000});
    bool run_until_out(std::string_view text); // until `text` is in out()
    bool run_until_err(std::string_view text);

    // Ends its input and waits until the program ends. Kills what it left in its process group. The
    // outcome has what was written until then.
    Outcome wait();

private:
    void step(std::chrono::steady_clock::time_point until);
    void reap();

    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline_;
    pid_t pid_ = 0;
    Fd alive_; // can be read once the program has ended
    Fd in_, out_, err_;
    std::string input_;
    bool more_input_ = true;
    bool ended_ = false;
    Outcome outcome_;
};

// Runs the program from beginning to end.
Outcome run(const Program& program);

// The seconds of CPU time that children used which have ended. Other work on the machine does not
// lengthen it.
double time_of_children();

// Runs `deed` in a child, for deeds that would change this process. Returns what `deed` returned,
// or minus the number of the signal that ended the child.
int in_child(const std::function<int()>& deed);

// Does so in `count` children at once, each with a number from 0. Whether all returned 0.
bool in_children(int count, const std::function<int(int number)>& deed);

// Ignores and blocks all signals, as a careless parent may leave them: for before_exec.
void ignore_and_block_signals();

// Runs in a child: gives it a view of the file system of its own. Returns false without root, and
// in a plain chroot, where / is no mount point.
bool own_mounts();
// Whether children can have such a view.
bool can_mount();

// Whether a process (ours or not) has ended, or ends in time. A zombie has ended.
bool has_ended(pid_t pid, milliseconds limit = milliseconds{5'000});

// The path of a program of this build, by its name: "checkpw", "next-link".
std::string built(std::string_view name);
bool is_built(std::string_view name);

// The path of a file beside the tests ("fixtures/..."), and of the top of the source tree.
std::string beside_tests(std::string_view name);

// What a next-link was given: its output, parsed.
struct NextLink {
    bool ran = false;
    std::vector<std::string> argv;
    std::optional<std::string> record; // empty: descriptor 3 was closed
    std::vector<int> descriptors;
    std::map<std::string, std::string> environment;
    std::vector<uid_t> uids; // real, effective, saved
    std::vector<gid_t> gids;
    std::vector<gid_t> groups;
    std::string directory;
    std::vector<int> blocked; // signals
    std::vector<int> ignored;
    bool own_group = false; // whether it leads its process group
    int parent_signal = 0;  // what it gets when its parent ends; 0: nothing
    std::string core_limit; // "0 0": the soft and the hard limit
};

NextLink parse_next_link(std::string_view report);

// Reports that a case cannot run here: `if (missing(::geteuid() == 0, "root")) return;`. The suite
// then exits 77 unless something fails.
bool missing(bool have, std::string_view thing);
const std::vector<std::string>& missing_things();

// A new directory, by default in $TMPDIR (/tmp), with mode 0700. It is removed with all its
// content.
class TemporaryDirectory {
public:
    explicit TemporaryDirectory(
        const std::filesystem::path& parent = std::filesystem::temp_directory_path());
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    const std::string& path() const { return path_; }
    std::string file(std::string_view name) const { return path_ + "/" + std::string{name}; }

private:
    std::string path_;
};

// Both throw std::runtime_error if the file cannot be read or written.
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes, mode_t mode = 0600);

// Files in `directory` that cannot be run: "no-program" is neither ELF nor a script,
// "not-executable" lacks the permission, and "no-interpreter" names one that does not exist.
void write_unrunnable_files(const TemporaryDirectory& directory);

// A copy of a program of this build in a directory that all users can reach, because another user
// may not reach the build. Returns its path.
std::string reachable(std::string_view name, const TemporaryDirectory& directory);

// A free TCP port of the loopback interface. No other suite gets it while this one runs. It is
// below the ports that systems give to clients.
std::string free_port();

// Sets or unsets a variable of our own environment, and restores the old value.
class ScopedVariable {
public:
    ScopedVariable(std::string name, std::optional<std::string> value);
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;
    ~ScopedVariable();

private:
    std::string name_;
    std::optional<std::string> before_;
};

// Byte strings with NULs in them, from literals: bytes("joe\0old\0\0").
template <std::size_t size> std::string bytes(const char (&literal)[size]) {
    return {literal, size - 1};
}

} // namespace poppass::test
