// Changes of many users' passwords while one server takes the place of another.
#pragma once

#include "support/program.hh"

#include <functional>
#include <string>
#include <vector>

namespace poppass::test {

// Runs change(0), change(1) and so on up to `count`, three at a time. One that changes nothing for
// the moment is run again, as a user would do. When a third of them are done, this thread runs
// `deed`. Returns what the last run of each said.
std::vector<Outcome> change_meanwhile(std::size_t count,
                                      const std::function<Program(std::size_t)>& change,
                                      const std::function<void()>& deed);

bool nothing_was_changed(const Outcome& outcome);
bool is_not_known(const Outcome& outcome);

// Waits until `done` returns true. Throws std::runtime_error if this takes too long.
void wait_until(const std::function<bool()>& done);

} // namespace poppass::test
