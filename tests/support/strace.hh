// Causes faults at system calls, by strace.
#pragma once

#include "support/program.hh"

#include <map>

namespace poppass::test {

// Whether strace runs and may trace. False in a sanitized build, which makes hundreds of calls of
// its own.
bool have_strace();

// Counts the calls of each kind in the output of `strace -o`.
std::map<std::string, int> count_calls(std::string_view trace);

// The words before a program's own that cause `fault` ("signal=KILL", "error=EIO") at the `when`th
// call of that name, counted from 1.
std::vector<std::string> with_fault(const std::string& name, const std::string& fault, int when);

} // namespace poppass::test
