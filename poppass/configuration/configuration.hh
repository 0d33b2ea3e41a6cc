// The whole of poppass's settings, read and checked once.
#pragma once

#include "process/child.hh"
#include "base/result.hh"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace poppass {

// A chain of programs, found and ready for execve.
struct ChainLine {
    std::vector<std::string> words;
    std::string path; // of the first word's program
};

struct Configuration {
    std::string host;
    ChainLine check;
    ChainLine change;
    std::optional<ChainLine> after; // run when a change was answered
    std::chrono::seconds delay;
    int tries;
    std::chrono::seconds line_timeout;
    std::chrono::seconds session_limit;
    std::chrono::seconds chain_limit;
    std::string strip; // the domain that logins lose, `*` for any; empty: none
    std::optional<Identity> identity; // what the network side, and `after`, run as; only as root
};

// From the words after the options (HOST CHECKPROGRAM [ARG...]) and the environment. Every error names
// the variable or the word; the first one is returned, and `all_errors` gets every one.
Result<Configuration> read_configuration(std::vector<std::string> words,
                                         std::vector<Error>* all_errors = nullptr);

} // namespace poppass
