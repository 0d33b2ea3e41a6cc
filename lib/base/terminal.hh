// Passwords from people: typed at the terminal without echo, or as lines of a descriptor.
#pragma once

#include "base/fd.hh"
#include "base/secret.hh"

#include <string>
#include <string_view>

namespace poppass {

class Terminal {
public:
    // Opens /dev/tty. Where that fails, takes descriptor 0 if it is a terminal.
    static Result<Terminal> open();

    // Prompts, and reads a line without echo; its line feed is not kept. A line that does not fit,
    // or no line, is an error. Echo is on again before this returns, and before a signal (^C, ^Z)
    // acts.
    Result<void> ask(std::string_view prompt, Secret& into) const;

    // Prompts for something that is not secret, and reads a line with echo.
    Result<std::string> ask_aloud(std::string_view prompt) const;

    Result<void> tell(std::string_view text) const;

private:
    explicit Terminal(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

// Reads one line of `fd`, and no byte of the next one; its line feed is not kept. A line that does
// not fit, or no line, is an error.
Result<void> read_line(int fd, Secret& into);

} // namespace poppass
