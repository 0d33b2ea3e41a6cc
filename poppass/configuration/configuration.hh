// All settings of poppass, read and checked once.
#pragma once

#include "base/result.hh"
#include "process/chain_line.hh"
#include "process/child.hh"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace poppass {

struct Configuration {
    std::string host;
    ChainLine check;
    ChainLine change;
    std::optional<ChainLine> after; // runs after a change was answered
    std::chrono::seconds delay;
    int tries;
    std::chrono::seconds line_timeout;
    std::chrono::seconds session_limit;
    std::chrono::seconds chain_limit;
    std::string strip;                // the domain that logins lose; `*`: any domain; empty: none
    std::optional<Identity> identity; // of the network side and `after`; only as root
};

// Reads the words after the options (HOST CHECKPROGRAM [ARG...]) and the environment. Every error
// names the variable or the word. The first one is returned; `all_errors` gets all of them.
Result<Configuration> read_configuration(std::vector<std::string> words,
                                         std::vector<Error>* all_errors = nullptr);

} // namespace poppass
