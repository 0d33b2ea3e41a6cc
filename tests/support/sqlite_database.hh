// An SQLite database with a table of users, and settings for the links that use it.
#pragma once

#include "support/sql_users.hh"

struct sqlite3;

namespace poppass::test {

// A connection of the test's own. It uses no code of ours, because it judges the programs under
// test.
class Sqlite {
public:
    explicit Sqlite(const std::string& path);
    Sqlite(const Sqlite&) = delete;
    Sqlite& operator=(const Sqlite&) = delete;
    ~Sqlite();

    // Runs statements. Returns the rows, each with its values joined by `|`. `values` are bound to
    // the marks of a single statement. Throws std::runtime_error if it fails.
    std::vector<std::string> run(const std::string& sql,
                                 const std::vector<std::string>& values = {}) const;

private:
    sqlite3* database_ = nullptr;
};

// A setting with which new hashes take no time.
inline const std::string quick = "scheme = SSHA512\n";

struct SqliteUsers : SqlUsers {
    std::string path = directory.file("users.db");

    // The column email is NOCASE. Both passwords are hashed by sha256crypt with 1000 rounds.
    SqliteUsers();

    void configure(const std::string& more = {}) const { write_settings(path, more); }
    std::vector<std::string> sql(const std::string& statements) const override {
        return Sqlite{path}.run(statements);
    }
};

} // namespace poppass::test
