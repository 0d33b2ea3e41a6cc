// Faults at system calls, by strace.
#pragma once

#include "support/program.hh"

#include <map>

namespace poppass::test {

// Whether strace runs and may trace; not in a sanitized build, whose own calls are hundreds.
bool have_strace();

// How often each call is made in what `strace -o` wrote.
std::map<std::string, int> count_calls(std::string_view trace);

// The words before a program's own that have `fault` ("signal=KILL", "error=EIO") happen at the
// `when`th call of that name, from 1.
std::vector<std::string> with_fault(const std::string& name, const std::string& fault, int when);

} // namespace poppass::test
