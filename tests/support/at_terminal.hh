// A program at a terminal of its own, and what it shows there. Every wait has a time limit.
#pragma once

#include "support/program.hh"

namespace poppass::test {

class AtTerminal {
public:
    // Runs `deed` in a child. What `deed` returns is the exit status.
    explicit AtTerminal(const std::function<int()>& deed);
    explicit AtTerminal(std::vector<std::string> argv, Environment environment = {});
    AtTerminal(const AtTerminal&) = delete;
    AtTerminal& operator=(const AtTerminal&) = delete;
    ~AtTerminal(); // kills the program if it still runs

    // Whether the output since the last found text contains `text`, now or soon.
    bool shows(std::string_view text);
    void type(std::string_view keys) const;
    void hang_up() { master_.reset(); }
    // Whether echo is on, now or soon.
    bool echoes(bool wanted) const;
    // The exit status, or minus the number of the signal; -1000 if the program does not end.
    int wait();

    pid_t pid() const { return pid_; }
    const std::string& shown() const { return shown_; }

private:
    bool more();

    pid_t pid_ = 0;
    Fd master_;
    std::string shown_;
    std::size_t seen_ = 0;
};

} // namespace poppass::test
