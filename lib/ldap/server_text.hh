// Turns what a directory server and libldap say into text that people understand. Pure.
#pragma once

#include <string>
#include <string_view>

namespace poppass {

// A server's text as one line: without control bytes, at most 100 bytes long, no character cut.
std::string clean_server_text(std::string_view text);

// Why a password was not changed, for the user who asked. It comes from the error of the password
// policy control where there was one (else -1), else from the server's text, else from the result
// code.
std::string refusal_reason(int result_code, int policy_error, std::string_view server_text);

// What is wrong with a server's certificate, from what libldap says about a TLS handshake. Returns
// `text` itself where it is clear enough, or not known here.
std::string certificate_fault(std::string_view text);

} // namespace poppass
