// Text of other people: control bytes, characters of UTF-8, and the letters of ASCII. Nothing here
// depends on the locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace poppass {

// Whether the byte is a control character of ASCII.
constexpr bool is_control(char byte) {
    return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
}

// The length of the UTF-8 sequence (RFC 3629) that the text begins with; 0 where it begins with
// none.
std::size_t utf8_length(std::string_view text);

// Whether the text begins with a control character that a terminal may obey: one of ASCII, or
// U+0080 to U+009F. The text begins with a character of UTF-8.
bool is_obeyed(std::string_view text);

// The text as a terminal may be shown it: such a control character, and a byte that is not UTF-8,
// becomes \xHH.
std::string for_terminal(std::string_view text);

// Whether all of the text is UTF-8.
bool is_utf8(std::string_view text);

// The text's beginning, at most `most` bytes, which does not end within a character of UTF-8.
std::string_view cut_utf8(std::string_view text, std::size_t most);

// The text without the characters of `blanks` at its two ends.
std::string_view trim(std::string_view text, std::string_view blanks = " ");

// Takes the text before the next `mark` off the front, and the mark. Takes all of it if there is no
// mark.
std::string_view take_until(std::string_view& text, char mark);

// Text of another program as one line that a person may be shown: a run of control bytes becomes
// one space, or none after a space; the line is cut as cut_utf8 does, and trimmed.
std::string one_line(std::string_view text, std::size_t most);

// The text with the capital letters of ASCII made small.
std::string lower(std::string_view text);

// Whether the texts are equal when the case of ASCII letters does not count. Allocates nothing.
bool same_but_for_case(std::string_view one, std::string_view other);

} // namespace poppass
