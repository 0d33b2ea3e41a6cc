// A command that an administrator wrote in one text: a variable or an option.
#pragma once

#include "base/result.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// A chain of programs, found and ready for execve.
struct ChainLine {
    std::vector<std::string> words;
    std::string path; // of the first word's program

    // The words as execve takes them. They are valid as long as this object.
    std::vector<char*> argv() const;
};

// The words as execve takes them. They are valid as long as `words`.
std::vector<char*> pointers(const std::vector<std::string>& words);

// Finds the program of the first word. An error is misuse and begins with `name`, the variable or
// option that has the words.
Result<ChainLine> find_chain_line(std::string_view name, std::vector<std::string> words);

// Splits the text, which is the value of `name`, and finds the program of the first word.
Result<ChainLine> read_chain_line(std::string_view name, std::string_view text);

} // namespace poppass
