// The file of an SQLite database, and the files that SQLite makes beside it.
#pragma once

#include "base/clock.hh"
#include "base/result.hh"
#include "link/report.hh"

#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace poppass {

class SqliteFile {
public:
    explicit SqliteFile(std::string path) : path_(std::move(path)) {}

    // The path as a URI for sqlite3_open_v2(). `query` begins with `?`, or is empty.
    std::string uri(std::string_view query) const;

    // Trouble if there is no such regular file. SQLite would make it, or wait for a pipe.
    Result<void> check() const;

    // Whether the file belongs to root, and nobody else can write it.
    bool only_root_writes() const;

    // What identifies the content of a file that nobody changes.
    struct Snapshot {
        dev_t device;
        ino_t inode;
        off_t size;
        timespec changed;
    };

    // The snapshot of a file that nobody has open for changes: there is no log or journal beside
    // it, and the last change is so old that the next one will have another time. Waits for that
    // until the deadline. Nothing if the file does not stay still.
    std::optional<Snapshot> still(Clock::time_point deadline) const;

    // Whether nobody has changed the file since.
    bool is_still(const Snapshot& snapshot) const;

    // Reports who else can read and write the passwords.
    void look_over(Report& report) const;

private:
    bool has_log() const;

    std::string path_;
};

} // namespace poppass
