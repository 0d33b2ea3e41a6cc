// What the suites of the links to SQL databases have in common: a table of users, the programs that
// use it, and the cases that are the same for every database.
#pragma once

#include "support/program.hh"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass::test {

using Words = std::vector<std::string>;

inline const std::string wrong_words = "553 Sorry, old password is incorrect (#5.7.1)\n";
inline const std::string nothing_words =
    "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n";
inline const std::string joe = "joe@x.org", ann = "ann@x.org";

inline bool has(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

// A next link that ends with 42 when it has told what it was given.
Words next_link();

// The table `users` has the columns email (the primary key), password, locked, expired and changed.
// joe@x.org has the password "old", and ann@x.org "ann's".
struct SqlUsers {
    TemporaryDirectory directory;
    std::string settings = directory.file("sql.conf");
    std::string user_query = "SELECT email AS login, password AS hash, locked, expired\n"
                             "  FROM users WHERE email = :login";
    std::string set_query = "UPDATE users SET password = :hash, changed = :now\n"
                            "  WHERE email = :login AND password = :old_hash";

    // The programs are checkpw-STORE and setpw-STORE.
    explicit SqlUsers(std::string store) : store_(std::move(store)) {}
    virtual ~SqlUsers() = default;

    // Runs statements as the database's administrator. Returns the rows, each with its values
    // joined by `|` (MariaDB: by a tab).
    virtual std::vector<std::string> sql(const std::string& statements) const = 0;

    std::vector<std::string> rows(const std::string& where = "1 = 1") const; // whole ones, sorted
    std::string hash(const std::string& email) const;
    void set(const std::string& what, const std::string& email = joe) const;
    void give(const std::string& hash, const std::string& email = joe) const;

    // Writes the settings for that table, and `more` of them.
    void write_settings(const std::string& connect, const std::string& more) const;
    void replace(const std::string& from, const std::string& to) const; // in the settings

    // A program by its name without the store, as "setpw".
    Program call(const std::string& program, const Words& words,
                 const std::optional<std::string>& record = {}) const;
    Program check(const std::string& login, const std::string& password,
                  const Words& words = {}) const;
    Program change(const std::string& login, const std::string& old, const std::string& fresh,
                   const Words& words = {}) const;

    // Runs a program with --check.
    Outcome look_over(const std::string& program) const { return run(call(program, {"--check"})); }

    // The exit status of a check, which must write nothing to its output.
    int status(const std::string& login, const std::string& password,
               const Words& words = {}) const;
    bool is_password(const std::string& login, const std::string& password) const {
        return status(login, password) == 0;
    }

private:
    std::string store_;
};

// Cases. Each needs the users as they were made.
// A hash of crypt(3) begins with `crypt` in this table. In the end joe has the password "old".
void test_check(const SqlUsers& users, const std::string& crypt = "{CRYPT}");
void test_next_link(const SqlUsers& users);
// The new hash of the first change begins with `begin`.
void test_change(const SqlUsers& users, const std::string& begin = "{SSHA512}");
void test_race(const SqlUsers& users);

// These take every `step`th of the hostile texts, beginning with number `first`.
void test_hostile_logins(const SqlUsers& users, std::size_t first = 0, std::size_t step = 1);
void test_hostile_passwords(const SqlUsers& users, std::size_t step);

// Joe's change is trouble, for which the log has these words, and no row changes.
void test_refusal(const SqlUsers& users, const std::string& words);
// The settings are misuse, and both programs say so before they read a record.
void test_misuse(const SqlUsers& users, const std::string& words);

// Makes a certificate in the file, and its key beside it in FILE.key.
void make_certificate(const std::string& file, const std::string& names);
bool no_openssl();

} // namespace poppass::test
