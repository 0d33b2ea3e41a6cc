// Log lines: one event, one line, one write of at most 1024 bytes, safe to show and to parse.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace poppass {

// Builds a line of `key=value` pairs in a buffer of its own. In a value every byte that is not
// printable ASCII, and space, `=`, `"` and `\`, becomes \xHH; a value that takes more than
// `longest_value` bytes of output is cut there, between escapes, and ends in `...`.
class LogLine {
public:
    static constexpr std::size_t longest = 1024;
    static constexpr std::size_t longest_value = 320;

    LogLine& add(std::string_view key, std::string_view value);
    LogLine& add(std::string_view key, std::int64_t value);

    // The line so far, without a line feed.
    std::string_view text() const { return {bytes_.data(), size_}; }

private:
    bool put(std::string_view bytes);

    std::array<char, longest - 1> bytes_; // one byte of the 1024 is the line feed
    std::size_t size_ = 0;
};

// Writes "PROGRAM: MESSAGE" to descriptor 2, for links and start-up errors. Control bytes and bytes
// outside ASCII are made visible as \xHH; a longer line is cut at 1024 bytes, between escapes.
void complain(std::string_view program, std::string_view message);

} // namespace poppass
