// What every link of ours does alike, first and last.
#pragma once

#include "link/link_table.hh"
#include "link/report.hh"

#include <functional>
#include <string_view>

namespace poppass {

// Runs `body` as run_program does, with the link's row of the table and the words of its command
// line, its own name first.
int run_link(std::string_view name, int argc, char** argv,
             Result<ExitStatus> (*body)(const KnownLink& link, Chain words));

// Answers -h or -V on descriptor 1.
ExitStatus answer(const KnownLink& link, Deed deed);

// Answers --check: writes what `look` finds to descriptor 1, in JSON; an error of `look` is one
// more finding. The status is 0, 1 with warnings, 2 with errors.
Result<ExitStatus> look_over(const KnownLink& link,
                             const std::function<Result<void>(Report&)>& look);

} // namespace poppass
