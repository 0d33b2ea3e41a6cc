// poppass --check: looks a set-up over and changes nothing.
#pragma once

#include <string>
#include <vector>

namespace poppass {

struct Finding {
    enum class Level { ok, warning, error } level;
    std::string subject; // a setting, a program, a file
    std::string text;    // what was found, and what to do about it
};

// Looks over what `poppass HOST CHECKPROGRAM [ARG...]` would do in this environment, as the caller.
std::vector<Finding> check_setup(const std::vector<std::string>& words);

// One finding a line: `warning  SUBJECT: TEXT`; or a JSON array of objects with the members level,
// subject and text.
std::string show_as_text(const std::vector<Finding>& findings);
std::string show_as_json(const std::vector<Finding>& findings);

// 0, 1 with warnings, 2 with errors.
int exit_status(const std::vector<Finding>& findings);

} // namespace poppass
