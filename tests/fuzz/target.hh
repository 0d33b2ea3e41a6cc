// What the fuzz targets share. A target is one file: what it tries an input on, and which
// properties must then hold. Seeds are text as far as they can be, so that they can be read:
// parameters on lines of their own, the subject after them.
#pragma once

#include <string_view>

namespace poppass::fuzz {

// The target. The input's bytes are an allocation of their own, without anything after them.
void try_input(std::string_view input);

// Ends the process as a crash does where a property does not hold.
void must(bool holds, std::string_view property);

// Takes the text before the next `end` off the front, and that `end`; all of it where there is
// none.
std::string_view take(std::string_view& input, char end = '\n');

// A number of at most three digits off the front, and what follows it up to the next `end`.
unsigned take_number(std::string_view& input, char end = '\n');

bool has_control(std::string_view text);
bool is_utf8(std::string_view text);

// Whether `part` is a view into `whole`, and not a copy.
bool is_within(std::string_view part, std::string_view whole);

} // namespace poppass::fuzz
