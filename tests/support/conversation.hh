// A client of poppass under test. Every wait has a time limit, and only processes that were started
// here are ended.
#pragma once

#include "support/program.hh"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass::test {

using Words = std::vector<std::string>;

// The link of this build that does what its words say (link-fixture.cc).
Words fixture(Words deeds = {});

// Writes words in the form that PASSWORD_COMMAND needs, whatever characters they have.
std::string quoted(const Words& words);

// A process's line in /proc/PID/status, without its name: "NoNewPrivs". Empty if there is none.
std::string process_status(pid_t pid, std::string_view name);

// A started poppass and its surroundings. Delays are 0 unless `environment` sets them. Variables of
// this process about peers, ids or settings are not passed on.
struct Service {
    std::string front_end = built("poppass");
    Words check = fixture();                               // the words after HOST
    std::optional<std::string> change = quoted(fixture()); // PASSWORD_COMMAND
    Environment environment = {};
    std::string host = "test.example";
    bool pipes = false;    // the client uses two pipes instead of a socket
    bool log_here = false; // descriptor 2 is the client's socket, as with inetd
    std::vector<int> closed = {};
    std::optional<Ids> as = {};
    std::function<void()> before_exec = {};
    milliseconds timeout{30'000};
};

class Conversation {
public:
    // If `greeted`, waits for the greeting, which must be right.
    explicit Conversation(const Service& service, bool greeted = true);
    ~Conversation();

    // Sends all of it, or as much as possible until poppass has ended. Reads replies meanwhile.
    void send(std::string_view bytes);

    // Sends as much as possible in that time without reading replies. Returns how much.
    std::size_t send_without_reading(std::string_view bytes, milliseconds limit);

    // The next reply, without its CR LF; empty at the end of the connection. Throws
    // std::runtime_error if the reply is late, or is not a line that poppass may send.
    std::optional<std::string> reply(milliseconds limit = milliseconds{15'000});

    // Sends `line` and CR LF, and returns the one reply; "(closed)" if there is none.
    std::string ask(std::string_view line);

    // All replies until the end of the connection.
    Words rest();

    // True if nothing comes in that time and the connection stays open.
    bool silent(milliseconds time);

    void half_close();
    void close(); // closes the connection, even if replies were not read

    pid_t monitor() const { return process_.pid(); }
    pid_t network() const { return network_; } // 0 if there was no greeting
    void signal(int number) const { process_.signal(number); }

    bool log_has(std::string_view text); // waits for the text
    const std::string& log() const { return process_.err(); }

    // Closes our side, and waits until poppass ends. Its log is in the outcome.
    Outcome end();
    // The same, but our side stays open.
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
