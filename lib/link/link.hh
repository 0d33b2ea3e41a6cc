// What every link of ours does in the same way, at its start and at its end.
#pragma once

#include "link/link_table.hh"
#include "link/report.hh"

#include <functional>
#include <string_view>

namespace poppass {

// Runs `body` as run_program does. `body` gets the link's row of the table and the words of the
// command line; the first word is the name of the program. If the second word is --check, an error
// is told as look_over tells one.
int run_link(std::string_view name, int argc, char** argv,
             Result<ExitStatus> (*body)(const KnownLink& link, Chain words));

// Answers -h or -V on descriptor 1.
ExitStatus answer(const KnownLink& link, Deed deed);

// Answers --check: writes what `look` finds to descriptor 1, in JSON. An error of `look` becomes
// one more finding. The status is 0, 1 with warnings, 2 with errors.
Result<ExitStatus> look_over(const KnownLink& link,
                             const std::function<Result<void>(Report&)>& look);

} // namespace poppass
