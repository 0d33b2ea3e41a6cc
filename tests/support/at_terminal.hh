// A program at a terminal of its own, and what it shows there. Every wait is bounded.
#pragma once

#include "support/program.hh"

namespace poppass::test {

class AtTerminal {
public:
    // Runs `deed` in a child; what it returns is the exit status.
    explicit AtTerminal(const std::function<int()>& deed);
    explicit AtTerminal(std::vector<std::string> argv, Environment environment = {});
    AtTerminal(const AtTerminal&) = delete;
    AtTerminal& operator=(const AtTerminal&) = delete;
    ~AtTerminal(); // kills it, if it still runs

    // All that was shown since the last call that found its text holds `text`, or soon does.
    bool shows(std::string_view text);
    void type(std::string_view keys) const;
    void hang_up() { master_.reset(); }
    // Whether echo is on, or soon is.
    bool echoes(bool wanted) const;
    // The exit status, or minus the signal; -1000 where it does not end.
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
