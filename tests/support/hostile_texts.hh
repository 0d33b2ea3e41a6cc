// A corpus of logins and passwords that must not mean anything to a store.
#pragma once

#include <string>
#include <vector>

namespace poppass::test {

// Texts that mean something to SQL, to its quoting, to patterns, to collations, or to those who
// print them. Most are made around the login joe@x.org; none is that login in any case of letters.
std::vector<std::string> hostile_texts();

} // namespace poppass::test
