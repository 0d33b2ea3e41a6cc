// What every program that holds passwords does around its main, and says of its command line.
#pragma once

#include "base/result.hh"

#include <functional>
#include <string_view>

namespace poppass {

// It is misuse if the real, effective and saved ids differ: no program of the suite runs
// set-user-ID or set-group-ID.
Result<void> refuse_set_user_id();

// Opens the standard descriptors, refuses to run set-user-ID, and forbids core dumps and tracing;
// no password may be read before.
Result<void> prepare_program();

// Prepares, and runs `body`, whose error becomes a line on descriptor 2. Returns the exit status;
// an exception is temporary trouble.
int run_program(std::string_view name, const std::function<Result<ExitStatus>()>& body);

// The answers to -h and -V, on descriptor 1.
ExitStatus show_usage(std::string_view usage);
ExitStatus show_version(std::string_view program);

// The misuse of the option for which getopt_long returned '?' or ':' (with opterr set to 0).
Error wrong_option(int returned, char* const* argv, std::string_view usage);

} // namespace poppass
