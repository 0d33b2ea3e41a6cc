// Changes of many users' passwords while one server takes the place of another.
#pragma once

#include "support/sql_users.hh"

#include <functional>

namespace poppass::test {

// Adds users and changes their passwords, three at a time. A change that changes nothing for the
// moment is tried again, as a user would do. When a third of them are done, this thread runs
// `take_over`. Afterwards no change may be missing of which it was said that it is made, in the
// rows that `other_server` returns for a statement.
void test_failover(const SqlUsers& users, const std::function<void()>& take_over,
                   const std::function<Words(const std::string& statement)>& other_server);

bool is_not_known(const Outcome& outcome);

// Changes joe's password, and runs `deed` while the commit waits for the other server. `waiting` is
// a statement that returns the id of the connection that waits.
Outcome change_with_wait(const SqlUsers& users, const std::string& waiting,
                         const std::function<void(const std::string& connection)>& deed);

// Waits until `done` returns true. Throws std::runtime_error if this takes too long.
void wait_until(const std::function<bool()>& done);

} // namespace poppass::test
