// Looks over the programs of a set-up: whether they can be executed, and who could put other
// programs in their place.
#pragma once

#include "link/report.hh"
#include "process/path_walk.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// What runs a program, and what somebody can do who puts another one in its place.
struct Purpose {
    std::string_view name;
    std::string_view harm;
};
inline constexpr Purpose for_check{"check", "would learn every password"};
inline constexpr Purpose for_change{"change", for_check.harm};
inline constexpr Purpose for_after{"work after a change",
                                   "could use the account of the network side"};

// Whether the word is `true` or `false`, with any path.
bool is_end(std::string_view word);

// Who, other than root and the account of this process, could change the program with this path, or
// put another one there; empty: nobody.
std::string find_danger(const std::string& path);

class ProgramCheck {
public:
    explicit ProgramCheck(Report& report) : report_(report) {}

    // Finds the program, and reports on it, on its path, on the directories of PATH before it, and
    // on what runs it if it is a script. Whether it was found.
    bool check(const Purpose& purpose, const std::string& word);

private:
    void check_program(const Purpose& purpose, const std::string& path);
    void check_passed_over(const std::string& path);
    void warn_of_staff(const std::vector<Component>& way);
    void check_interpreter(const Purpose& purpose, std::string_view line);
    void check_env(const Purpose& purpose, const std::vector<std::string>& words);

    Report& report_;
    int scripts_ = 0;                      // that led to this program
    std::vector<std::string> passed_over_; // paths in PATH that were looked at
};

} // namespace poppass
