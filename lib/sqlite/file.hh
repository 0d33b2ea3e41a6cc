// The file of an SQLite database, and the files that SQLite makes beside it.
#pragma once

#include "account/file_owner.hh"
#include "base/clock.hh"
#include "base/result.hh"
#include "link/report.hh"
#include "sql/connection.hh"

#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace poppass {

class SqliteFile {
public:
    // Walks the path as walk_path does: only root and the file's owner can put another file in its
    // place. An error, which says what to do, unless it is a regular file that not everybody can
    // write. SQLite would make a missing one, or wait for a pipe.
    static Result<SqliteFile> find(const std::string& path);

    // SQLite removes, makes and gives away files beside the database, as the database says. So root
    // lets it work with the rights of the file's owner.
    Result<EffectiveIds> as_owner() const { return owner_.rights(); }

    // An error unless each of the files that SQLite opens beside the database is missing or a
    // regular file, and, beside a file of root's, root's too and written by nobody else.
    Result<void> check_beside() const;

    const std::string& path() const { return path_; } // resolved

    // The path as a URI for sqlite3_open_v2(). `query` begins with `?`, or is empty.
    std::string uri(std::string_view query) const;

    SqlConnection::Writers writers() const;

    // Whether it is the same file, of the same owner.
    bool is(const SqliteFile& other) const;

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

    // Reports who else can read and write the passwords, and whether a change can be made. Called
    // with the rights that a connection has.
    void look_over(SqlPurpose purpose, Report& report) const;

private:
    SqliteFile() = default;
    bool has_log() const;

    std::string path_;
    struct stat status_ {};
    FileOwner owner_;
};

} // namespace poppass
