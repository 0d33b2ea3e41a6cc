#include "account/login.hh"

#include "base/text.hh"

namespace poppass {

bool is_user_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == name.npos &&
           for_terminal(name) == name;
}

std::string_view strip_domain(std::string_view login, std::string_view domain) {
    const std::size_t at = login.rfind('@');
    if (at == login.npos || at == 0) return login;
    const std::string_view found = login.substr(at + 1);
    const bool same = !domain.empty() && same_but_for_case(found, domain);
    return same || domain == "*" ? login.substr(0, at) : login;
}

} // namespace poppass
