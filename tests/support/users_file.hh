// A credential file in a directory of its own, and the programs that use it.
#pragma once

#include "support/program.hh"

namespace poppass::test {

// sha256crypt with 1000 rounds, of the password "old".
inline const std::string hash_of_old =
    "$5$rounds=1000$abcdefgh$fOPT.9teUsa3z4HoDw8OvV48/qQiDGBxPmuWb2oL6aA";

// What follows the hash in a line of shadow(5) whose password does not expire.
inline const std::string usual_dates = ":19000:0:99999:7:::\n";

struct UsersFile {
    TemporaryDirectory directory;
    std::string path = directory.file("users");
    std::string before; // the content at the beginning

    explicit UsersFile(std::string content, mode_t mode = 0600);

    std::string content() const { return read_file(path); }
    // Dates the file a minute ahead, so that each change sets its time (see set_later in
    // lib/credentials/file.cc), however long it takes.
    void date_ahead() const;

    bool has_new() const; // whether the file exists that a change writes beside this one

    // Runs the program of this build on the file, with -f.
    Program call(std::string_view program, const std::vector<std::string>& words = {}) const;

    // pwadmin, with hashes that take little time.
    Outcome pwadmin(std::vector<std::string> words, const std::string& input = "") const;

    // Whether checkpw accepts the password, even if it is expired.
    bool is_password(const std::string& login, const std::string& password) const;
};

} // namespace poppass::test
