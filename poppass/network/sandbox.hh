// Gives power away for good.
#pragma once

#include "configuration/configuration.hh"
#include "base/result.hh"

#include <optional>

namespace poppass {

// What the network side does before it reads a byte. As root, with `identity`: no groups, an empty
// root directory, gid, uid; then for everybody: no capabilities, no new privileges, and the filter
// that leaves read, write, poll, ppoll, shutdown, clock_gettime, restart_syscall, rt_sigreturn and
// exit_group (filter_calls.hh: some processors have more ways to the same). After it no memory can be
// had or given back. Each step is proved where it can be; one that fails is an error, and then the
// caller must do nothing but end.
//
// Only Linux has the last three; elsewhere, and under sanitizers (no filter), they are left out.
Result<void> drop_privileges(const std::optional<Identity>& identity);

// shutdown(2) of the writing side, by the call that the filter leaves: the C libraries of some processors
// take another one (socketcall). Whether it was done.
bool end_writing(int fd);

// Whether the kernel can install the filter; nothing where this build has none.
std::optional<bool> kernel_has_filter();

} // namespace poppass
