// Names of users, and the domain of a login. Pure.
#pragma once

#include <string_view>

namespace poppass {

// Whether a native chain may call a user so: programs make paths of USER, and show it. It is UTF-8
// without control characters, does not begin with a dot, and has no slash.
bool is_user_name(std::string_view name);

// Whether a store that compares more loosely than byte for byte may be asked for the login, so that
// no user has any number of names: it is printable ASCII, without a blank at an end or beside
// another one. With `utf8` it may hold other characters, but not after an `@`; then the store's own
// name must be compared with it.
bool is_plain_login(std::string_view login, bool utf8);

// For clients that send a domain where the accounts have none: `login` without its `@domain`, if
// that domain is `domain` (the case of ASCII letters does not count) or if `domain` is `*`. A login
// that would become empty stays as it is.
std::string_view strip_domain(std::string_view login, std::string_view domain);

} // namespace poppass
