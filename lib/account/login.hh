// Takes the domain off a login, for clients that send one where the accounts have none. Pure.
#pragma once

#include <string_view>

namespace poppass {

// `login` without its `@domain`, if that domain is `domain` (the case of ASCII letters does not
// count) or if `domain` is `*`. A login that would become empty stays as it is.
std::string_view strip_domain(std::string_view login, std::string_view domain);

} // namespace poppass
