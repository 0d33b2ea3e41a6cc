// Words of other programs, before they are logged: a module or a server may repeat a password.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

namespace poppass {

// The log has this word in place of words that contain a password. To mask the password alone would
// tell what it is.
inline constexpr std::string_view withheld = "withheld";

// Whether the text contains the password, also by chance, in any form that our programs and others
// give to words: control bytes and blanks that were removed, added or replaced, bytes written as
// \xHH, and a password of which a cut at the end left no more than the beginning, if that has eight
// bytes.
bool tells(std::string_view text, std::string_view password);

// The text, or `withheld` if it tells one of the passwords.
std::string_view for_log(std::string_view text, std::span<const std::string_view> passwords);
inline std::string_view for_log(std::string_view text,
                                std::initializer_list<std::string_view> passwords) {
    return for_log(text, std::span{passwords.begin(), passwords.size()});
}

} // namespace poppass
