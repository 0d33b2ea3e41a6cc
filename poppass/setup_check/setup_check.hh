// What poppass-check finds out about a set-up of poppass. It changes nothing.
#pragma once

#include "link/report.hh"

#include <string>
#include <vector>

namespace poppass {

// Checks what `poppass HOST CHECKPROGRAM [ARG...]` would do in this environment, as the caller.
// Links of ours are run with --check, to report on their own store. They are run only from the
// directory `own`, an absolute path. About programs of others the report says only whether they can
// be executed.
Report check_setup(const std::vector<std::string>& words, const std::string& own);

} // namespace poppass
