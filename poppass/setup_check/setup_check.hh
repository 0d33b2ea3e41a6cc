// What poppass-check finds: a set-up of poppass, looked over. It changes nothing.
#pragma once

#include "link/report.hh"

#include <string>
#include <vector>

namespace poppass {

// Looks over what `poppass HOST CHECKPROGRAM [ARG...]` would do in this environment, as the caller.
// Links of ours are run with --check, to report on their own store; only those in the directory
// `own`, an absolute path, are run. Of programs of others it is said that they can be executed, no
// more.
Report check_setup(const std::vector<std::string>& words, const std::string& own);

} // namespace poppass
