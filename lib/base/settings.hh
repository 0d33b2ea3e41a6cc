// Numbers and flags that administrators write in the environment and on command lines.
#pragma once

#include "base/result.hh"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// The variable's value; nothing where it is unset.
std::optional<std::string_view> environment(const char* name);

// Our environment, in which the variable has this value: each as `NAME=VALUE`.
std::vector<std::string> environment_with(std::string_view name, std::string_view value);

// A whole decimal number, digits only, from `least` to `most`. The error is misuse and calls the
// number `name`: a variable or an option.
Result<std::int64_t> parse_number(std::string_view name, std::string_view text, std::int64_t least,
                                  std::int64_t most);

// The variable as such a number; `otherwise` where it is unset.
Result<std::int64_t> number_setting(const char* name, std::int64_t otherwise, std::int64_t least,
                                    std::int64_t most);

} // namespace poppass
