// Numbers and flags that administrators write in the environment and on command lines.
#pragma once

#include "base/result.hh"

#include <cstdint>
#include <optional>
#include <string_view>

namespace poppass {

// The variable's value; nothing where it is unset.
std::optional<std::string_view> environment(const char* name);

// A whole decimal number, digits only, from `least` to `most`. The error is misuse and calls the
// number `name`: a variable or an option.
Result<std::int64_t> parse_number(std::string_view name, std::string_view text, std::int64_t least,
                                  std::int64_t most);

// The variable as such a number; `otherwise` where it is unset.
Result<std::int64_t> number_setting(const char* name, std::int64_t otherwise, std::int64_t least,
                                    std::int64_t most);

} // namespace poppass
