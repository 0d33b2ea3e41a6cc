// PASSWORD_COMMAND to words. Pure; no shell.
#pragma once

#include "base/result.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Splits at white space. Single quotes keep everything; double quotes keep all but a backslash before
// `"`, `\`, `$` and "`"; a backslash outside quotes keeps the next character. Nothing is expanded: a
// word that begins with an unquoted `$` is misuse, for some would expect a variable's value. So are
// an open quote, a backslash at the end, and no words at all.
Result<std::vector<std::string>> split_words(std::string_view text);

} // namespace poppass
