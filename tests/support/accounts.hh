// Accounts of the system, for the programs of one test.
#pragma once

#include "support/program.hh"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace poppass::test {

// In the place of /etc/passwd, for the programs that run with it. It needs can_mount().
class Accounts {
public:
    // Those of the system, and these. Each has a name, and a uid that is its gid too.
    explicit Accounts(const std::vector<std::pair<std::string, int>>& accounts);

    std::function<void()> before_exec() const;

private:
    TemporaryDirectory file_;
};

} // namespace poppass::test
