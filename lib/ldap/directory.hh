// A user of a directory, at one of its servers: found, and bound with a password.
#pragma once

#include "ldap/options.hh"
#include "link/report.hh"
#include "base/secret.hh"

#include <optional>
#include <string>
#include <string_view>

namespace poppass {

struct LdapLogin {
    LdapBound bound;
    std::optional<LdapSession> session; // bound as the user, where it was accepted
};

class LdapDirectory {
public:
    // The options must outlive this.
    explicit LdapDirectory(const LdapOptions& options) : options_(options) {}

    // Once. Prepares libldap, and reads the service account's password, where there is one. A file
    // that others may read or write is misuse, and so is a -D that is no DN.
    Result<void> prepare();

    // Connects to the server and binds as the user. An error is the server's trouble, so that the
    // next may be asked (temporary), misuse, or a refusal (rejected).
    Result<LdapLogin> log_in(const LdapUri& server, std::string_view login,
                             std::string_view password, Clock::time_point deadline) const;

    // Whether the server has such a user. A DN from a template is looked up as anybody may.
    Result<bool> has_user(const LdapUri& server, std::string_view login,
                          Clock::time_point deadline) const;

    // Asks each server for a user that does not exist, and says which of them answer.
    void look_over(Report& report) const;

private:
    std::optional<std::string> expand(std::string_view login) const;
    Result<std::optional<std::string>> find_user(LdapSession& session, const std::string& expanded,
                                                 Clock::time_point deadline) const;

    const LdapOptions& options_;
    Secret service_password_{1024};
};

} // namespace poppass
