// An SQLite database with a table of users, and settings for the links that use it.
#pragma once

#include "support/program.hh"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

struct SqliteUsers {
    TemporaryDirectory directory;
    std::string path = directory.file("users.db");
    std::string settings = directory.file("sql.conf");

    // The table `users` has the columns email (NOCASE, unique), password, locked, expired and
    // changed. joe@x.org has the password "old", ann@x.org "ann's", both by sha256crypt with 1000
    // rounds.
    SqliteUsers();

    // Writes the settings for that table, and `more` of them.
    void configure(const std::string& more = {}) const;

    std::vector<std::string> rows(const std::string& where = "1") const; // email|password
    std::string hash(const std::string& email) const;

    Program check(const std::string& login, const std::string& password,
                  const std::vector<std::string>& words = {}) const;
    Program change(const std::string& login, const std::string& old, const std::string& fresh,
                   const std::vector<std::string>& words = {}) const;

    // Whether checkpw-sqlite accepts the password.
    bool is_password(const std::string& login, const std::string& password) const;
};

} // namespace poppass::test
