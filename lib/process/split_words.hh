// Splits the command line of a chain or a hook into words. Pure; no shell is used.
#pragma once

#include "base/result.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Splits at white space. Single quotes keep everything; double quotes keep all but a backslash
// before `"`, `\`, `$` and "`"; a backslash outside quotes keeps the next character. Nothing is
// expanded: a word that begins with an unquoted `$` is misuse, because somebody may expect a
// variable's value. An open quote, a backslash at the end, and a text without words are misuse,
// too.
Result<std::vector<std::string>> split_words(std::string_view text);

} // namespace poppass
