// Finds one user's line in a credential file of any size, in constant memory.
#pragma once

#include "base/result.hh"
#include "credentials/dummy_hash.hh"
#include "credentials/entry.hh"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace poppass {

// What a look-up found.
struct Found {
    Format format = Format::shadow;  // the file's
    char separator = ':';            // the file's: what an added line gets
    std::optional<std::string> line; // the user's first line, without its line feed
    bool repeated = false;           // another line has the user's name too
    std::string dummy;               // what to compute if no hash can be verified; find gives it
    bool others_write = false;       // whether a group may write the file

    // The fields of the line. Nothing if there is no line, or if it is malformed.
    std::optional<Entry> entry() const { return line ? parse_entry(*line, format) : std::nullopt; }
};

// The result of a scan, with the place of the line in the file.
struct Scan {
    Found found;
    off_t line_at = 0;      // where the user's line begins
    off_t line_size = 0;    // without its line feed
    bool line_ends = false; // with a line feed
    off_t size = 0;         // of the file
    bool file_ends = true;  // the file is empty, or its last byte is a line feed
};

// No user has a line as long as this, in bytes.
inline constexpr std::size_t longest_line = 65536;

// Reads the descriptor from its current offset to the end. It reads on after it has found the user,
// so that every user takes the same time. The format of a file is shadow if any line has that form,
// or if no line has a separator; else it is passwd-file. `format` overrules that. A line of
// longest_line bytes is trouble. `dummies`, if it is no null pointer, sees the hash of each line.
Result<Scan> scan_credentials(int fd, std::string_view login, std::optional<Format> format,
                              DummyHashes* dummies = nullptr);

} // namespace poppass
