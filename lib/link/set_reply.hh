// What a set link tells its user: one line on descriptor 1, for the front end to hand on.
#pragma once

#include "base/result.hh"

#include <string_view>

namespace poppass {

// Says why the new password is not set, "553 WORDS (#5.7.1)"; the status of a refusal.
ExitStatus refuse(std::string_view words);

// Says, where the error is temporary trouble, that nothing was changed, with a 454; the error.
Error nothing_changed(Error error);

// Says with a 454 what is known of a change that may have been made; the status.
ExitStatus not_known(std::string_view words);

} // namespace poppass
