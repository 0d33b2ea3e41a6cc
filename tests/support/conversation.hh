// A client of poppass under test. Every wait is bounded, and nothing is ended but what was started
// here.
#pragma once

#include "support/program.hh"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass::test {

using Words = std::vector<std::string>;

// The link of this build that does what its words say: link-fixture.cc.
Words fixture(Words deeds = {});

// Words as PASSWORD_COMMAND wants them, however odd they are.
std::string quoted(const Words& words);

// A process's line in /proc/PID/status, without its name: "NoNewPrivs". Empty where there is none.
std::string process_status(pid_t pid, std::string_view name);

// A started poppass and its surroundings. Delays are 0 unless the environment says other; nothing
// that this process's own environment says of peers, ids or settings reaches it.
struct Service {
    std::string front_end = built("poppass");
    Words check = fixture();                               // the words after HOST
    std::optional<std::string> change = quoted(fixture()); // PASSWORD_COMMAND
    Environment environment = {};
    std::string host = "test.example";
    bool pipes = false;    // the client is at two pipes, not at a socket
    bool log_here = false; // descriptor 2 is the client's socket, as inetd has it
    std::vector<int> closed = {};
    std::optional<Ids> as = {};
    std::function<void()> before_exec = {};
    milliseconds timeout{30'000};
};

class Conversation {
public:
    // With `greeted` the greeting is waited for, and must be right.
    explicit Conversation(const Service& service, bool greeted = true);
    ~Conversation();

    // All of it, or what could be sent until poppass was gone. Replies are taken in meanwhile.
    void send(std::string_view bytes);

    // What can be sent in that time while no reply is read; returns how much.
    std::size_t send_without_reading(std::string_view bytes, milliseconds limit);

    // The next reply, without its CR LF; nothing at the end of the connection. Throws
    // std::runtime_error where it is late, or no line as poppass must send it.
    std::optional<std::string> reply(milliseconds limit = milliseconds{15'000});

    // `line` and CR LF, and the one reply to it; "(closed)" where there is none.
    std::string ask(std::string_view line);

    // All replies to the end of the connection.
    Words rest();

    // True if nothing comes, and the connection stays open, for so long.
    bool silent(milliseconds time);

    void half_close();
    void close(); // all of it, what was not read included

    pid_t monitor() const { return process_.pid(); }
    pid_t network() const { return network_; } // 0 where there was no greeting
    void signal(int number) const { process_.signal(number); }

    bool log_has(std::string_view text); // waits for it
    const std::string& log() const { return process_.err(); }

    // Waits for poppass's end; its log is in the outcome. Closes our side first.
    Outcome end();
    // The same with our side left open.
    Outcome wait() { return process_.wait(); }

private:
    struct Line {
        Fd ours_in, ours_out; // we read from one and write to the other; may be the same socket
        Fd theirs_in, theirs_out;
    };
    static Line make_line(bool pipes);
    static Program program(const Service& service, const Line& line);
    bool receive(milliseconds limit); // more bytes, or the end

    Line line_;
    Process process_;
    pid_t network_ = 0;
    std::string received_;
    bool ended_ = false;
};

} // namespace poppass::test
