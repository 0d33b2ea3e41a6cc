// Drops privileges permanently.
#pragma once

#include "base/result.hh"
#include "configuration/configuration.hh"

#include <optional>

namespace poppass {

// What the network side does before it reads a byte. As root, with `identity`: no groups, an empty
// root directory, gid, uid; then for everybody: no capabilities, no new privileges, and the filter
// that leaves read, write, poll, ppoll, shutdown, clock_gettime, restart_syscall, rt_sigreturn and
// exit_group (filter_calls.hh: some processors have more calls for the same). After that, memory
// can be neither allocated nor freed. Each step is proved where that is possible. Where a step
// fails, the result is an error, and the caller must end.
//
// Only Linux has the last three; other systems leave them out. Builds with sanitizers leave out the
// filter.
Result<void> drop_privileges(const std::optional<Identity>& identity);

// shutdown(2) of the writing side, by the call that the filter allows: the C libraries of some
// processors use another one (socketcall). Whether it was done.
bool end_writing(int fd);

// Whether the kernel can install the filter; nothing where this build has none.
std::optional<bool> kernel_has_filter();

} // namespace poppass
