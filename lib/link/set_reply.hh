// What a set link tells its user: one line on descriptor 1, which the front end passes on.
#pragma once

#include "base/result.hh"

#include <string_view>

namespace poppass {

// Passes the line of another program on to the user: a code, a text, and a tag or none.
void pass_on(std::string_view line);

// Tells the user why the new password is not set: "553 TEXT (#5.7.1)". Returns the status of a
// refusal.
ExitStatus refuse(std::string_view text);

// If the error is temporary trouble, tells the user with a 454 that nothing was changed. Returns
// the error.
Error nothing_changed(Error error);

// Tells the user with a 454 what is known of a change that may have been made. Returns the status.
ExitStatus not_known(std::string_view text);

} // namespace poppass
