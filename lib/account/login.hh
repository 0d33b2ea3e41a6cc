// Login names that clients send with a domain which the accounts do not have. Pure.
#pragma once

#include <string_view>

namespace poppass {

// `login` without its `@domain`, where that is `domain`, in any case of ASCII letters, or `domain` is
// `*`. A login that would be empty without it stays as it is.
std::string_view strip_domain(std::string_view login, std::string_view domain);

} // namespace poppass
