// Looking for one user's line in a credential file of any size, in constant memory.
#pragma once

#include "credentials/entry.hh"
#include "base/result.hh"

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
    std::string usual;               // a hash of the file's usual method, for users without one

    // The fields of the line. Nothing where there is no line, or none of the file's format.
    std::optional<Entry> entry() const { return line ? parse_entry(*line, format) : std::nullopt; }
};

// What it found, and where.
struct Scan {
    Found found;
    off_t line_at = 0;      // where the user's line begins
    off_t line_size = 0;    // without its line feed
    bool line_ends = false; // it has one
    off_t size = 0;         // of the file
    bool file_ends = true;  // the file is empty, or its last byte is a line feed
};

// No user has a line as long as this, in bytes.
inline constexpr std::size_t longest_line = 65536;

// Reads all of the descriptor, from its current offset, whether and wherever it finds the user, so
// that all users cost the same time. A file is of the format shadow if any line has that form, or
// if it has none at all; else it is a passwd-file. `format` overrules that. A line of longest_line
// is trouble.
Result<Scan> scan_credentials(int fd, std::string_view login, std::optional<Format> format);

} // namespace poppass
