// Running the programs under test, and the little that their tests share: every wait is bounded,
// and nothing is ended but what was started here.
#pragma once

#include "base/fd.hh"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace poppass::test {

// What the programs of this build have: what only Linux has, and of that the filter and that nobody
// looks into them, which sanitizers cannot have.
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

// A program and its surroundings. It gets default signals, none blocked, a process group of its
// own, and no descriptors but those named here.
struct Program {
    std::vector<std::string> argv;          // argv[0]: a path, or a name to be found in PATH
    Environment environment = {};           // changes to ours; a variable without a value is unset
    bool inherit = true;                    // false: `environment` is all there is
    std::optional<std::string> record = {}; // the bytes on descriptor 3; nothing: 3 is closed
    std::string input = {};                 // the bytes on descriptor 0, then its end
    std::optional<Ids> as = {};             // run as them, without other groups; needs root
    std::string directory = {};             // nothing: ours
    std::vector<int> closed = {};           // of 0, 1 and 2
    std::map<int, int> descriptors = {};    // its number to one of ours, which stays ours
    milliseconds timeout{20'000};           // for its whole life; then SIGKILL to its group
    std::function<void()> before_exec = {}; // in the child, at the last moment
};

struct Outcome {
    int status = -1; // the exit status; -1 where it did not exit
    int signal = 0;  // what ended it, else 0
    bool timed_out = false;
    std::string out; // what it wrote to descriptor 1
    std::string err; // and to 2
};

// A program that runs. Where one cannot be started, the constructor throws std::runtime_error. What
// still runs of it is killed on destruction.
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
    void signal(int number) const;                         // to the program alone, while it runs

    // Runs until `done` says so of out() and err(); false where the program ended, or the time was
    // up, before.
    bool run_until(const std::function<bool()>& done, milliseconds limit = milliseconds{10'000});
    bool run_until_out(std::string_view text); // until `text` is in out()
    bool run_until_err(std::string_view text);

    // Ends its input and waits for its end. What it left behind in its process group is killed;
    // what was written by then is in the outcome.
    Outcome wait();

private:
    void step(std::chrono::steady_clock::time_point until);
    void reap();

    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline_;
    pid_t pid_ = 0;
    Fd alive_; // readable once the program has ended
    Fd in_, out_, err_;
    std::string input_;
    bool more_input_ = true;
    bool ended_ = false;
    Outcome outcome_;
};

// Runs it from beginning to end.
Outcome run(const Program& program);

// Runs `deed` in a child of ours, for what would spoil this process. What it returned is the
// answer, or minus the signal that ended it.
int in_child(const std::function<int()>& deed);

// In a child: gives it a view of the file system of its own. Without root, and in a plain chroot,
// where / is no mount point, there is none to be had: false.
bool own_mounts();
// Whether children can have that.
bool can_mount();

// Whether a process, ours or not, has ended or does so in time. A zombie has ended.
bool has_ended(pid_t pid, milliseconds limit = milliseconds{5'000});

// The path of a program of this build, by its name: "checkpw", "next-link".
std::string built(std::string_view name);

// The path of a file that stands beside the tests: "fixtures/..."; and of the source tree's top.
std::string beside_tests(std::string_view name);

// What a next-link was given: its report, taken apart.
struct NextLink {
    bool ran = false;
    std::vector<std::string> argv;
    std::optional<std::string> record; // nothing: descriptor 3 was closed
    std::vector<int> descriptors;
    std::map<std::string, std::string> environment;
    std::vector<uid_t> uids; // real, effective, saved
    std::vector<gid_t> gids;
    std::vector<gid_t> groups;
    std::string directory;
    std::vector<int> blocked; // signals
    std::vector<int> ignored;
    bool own_group = false; // it leads its process group
    std::string core_limit; // "0 0": soft and hard
};

NextLink parse_next_link(std::string_view report);

// Says that a case cannot run here: `if (missing(::geteuid() == 0, "root")) return;`. The suite
// then exits 77, unless something failed.
bool missing(bool have, std::string_view thing);
const std::vector<std::string>& missing_things();

// A fresh directory under /tmp, mode 0700, removed with all that is in it.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    const std::string& path() const { return path_; }
    std::string file(std::string_view name) const { return path_ + "/" + std::string{name}; }

private:
    std::string path_;
};

// Both throw std::runtime_error where the file cannot be read or written.
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes, mode_t mode = 0600);

// A copy of a program of this build in a directory that is opened to all: another user may not
// reach the build. Its path.
std::string reachable(std::string_view name, const TemporaryDirectory& directory);

// A TCP port of the loopback interface that nobody listens at. It is kept from other suites while
// this one runs, and lies below those that systems give to clients.
std::string free_port();

// Sets a variable of our own environment, or unsets it, and puts the old value back.
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
