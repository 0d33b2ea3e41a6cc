#include "sql/connection.hh"

#include "base/text.hh"
#include "base/withheld.hh"

namespace poppass {

void SqlValues::set_login(std::string_view name) {
    const std::size_t at = name.rfind('@');
    login = name;
    local = name.substr(0, at);
    domain = at == name.npos ? std::string_view{} : name.substr(at + 1);
}

std::optional<std::string> SqlValues::text(SqlParameter parameter) const {
    switch (parameter) {
    case SqlParameter::login: return login;
    case SqlParameter::local: return local;
    case SqlParameter::domain: return domain;
    case SqlParameter::ip: return ip;
    case SqlParameter::hash: return hash;
    case SqlParameter::old_hash: return old_hash;
    case SqlParameter::now: return std::to_string(now);
    }
    return std::nullopt;
}

std::string SqlConnection::said(std::string_view words) const {
    constexpr std::size_t longest = 300;
    return one_line(for_log(words, secrets_), longest);
}

} // namespace poppass
