#include "account/login.hh"

#include "base/text.hh"

#include <algorithm>

namespace poppass {

namespace {

bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f; }

} // namespace

bool is_user_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == name.npos &&
           for_terminal(name) == name;
}

bool is_plain_login(std::string_view login, bool utf8) {
    if (login.empty() || login.front() == ' ' || login.back() == ' ' ||
        login.find("  ") != login.npos)
        return false;
    const std::size_t ascii = utf8 ? std::min(login.rfind('@'), login.size()) : 0;
    return std::none_of(login.begin(), login.end(), is_control) &&
           std::all_of(login.begin() + static_cast<std::ptrdiff_t>(ascii), login.end(),
                       is_printable_ascii);
}

std::string_view strip_domain(std::string_view login, std::string_view domain) {
    const std::size_t at = login.rfind('@');
    if (at == login.npos || at == 0) return login;
    const std::string_view found = login.substr(at + 1);
    const bool same = !domain.empty() && same_but_for_case(found, domain);
    return same || domain == "*" ? login.substr(0, at) : login;
}

} // namespace poppass
