// What a directory server and libldap say, in words for people. Pure.
#pragma once

#include <string>
#include <string_view>

namespace poppass {

// A server's text fit for one line: no control bytes, cut at 100 bytes (not within a character).
std::string clean_server_text(std::string_view text);

// Why a password was not changed, for the user who asked: by the password policy control's error
// where there was one (else -1), by the server's own text, else by the result code.
std::string refusal_words(int result_code, int policy_error, std::string_view server_text);

// What is wrong with a server's certificate, from what libldap's TLS says of it; `text` itself
// where that is clear enough or not known.
std::string certificate_words(std::string_view text);

} // namespace poppass
