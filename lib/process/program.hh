// Finds programs by name, and the one that runs. Unlike execvp, it never tries a shell.
#pragma once

#include "base/result.hh"

#include <functional>
#include <string>
#include <string_view>

namespace poppass {

// The path that `name` stands for: itself where it holds a slash, else the first executable regular
// file of that name in $PATH (/usr/local/bin:/usr/bin:/bin where unset). Entries of PATH that are
// not absolute are skipped. Not found, or found and not executable, is misuse. `passed_over` gets
// each path in $PATH where there is no such program, up to the one that is found.
Result<std::string>
find_program(std::string_view name,
             const std::function<void(const std::string&)>& passed_over = nullptr);

// The path of the program that this process runs; empty if the system does not tell it.
std::string own_path();

// The last component of a path.
std::string_view base_name(std::string_view path);

} // namespace poppass
