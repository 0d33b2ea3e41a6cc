// passwd(1)'s own checks of a new password, OBSCURE_CHECKS_ENAB of login.defs(5): what it asks of
// users where no library judges. Pure.
#pragma once

#include <string_view>

namespace poppass {

// Why the new password is too close to the old one, or too simple for its length; empty: it is
// neither. An old password that is not known is empty.
std::string_view obscure_weakness(std::string_view new_password, std::string_view old_password);

} // namespace poppass
