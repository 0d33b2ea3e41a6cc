// What a set link tells its user: one line on descriptor 1, for the front end to hand on.
#pragma once

#include "base/result.hh"

#include <string_view>

namespace poppass {

// Says why the new password is not set, "553 WORDS (#5.7.1)"; the status of a refusal.
ExitStatus refuse(std::string_view words);

// Says what is known of the change, "454 WORDS (#4.3.0)", where the error is trouble; the error.
Error fail(Error error, std::string_view words);

} // namespace poppass
