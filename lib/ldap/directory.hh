// Finds a user at one server of a directory, and binds with the user's password.
#pragma once

#include "base/secret.hh"
#include "ldap/options.hh"
#include "link/report.hh"

#include <optional>
#include <string>
#include <string_view>

namespace poppass {

struct LdapLogin {
    LdapBound bound;
    std::optional<LdapSession> session; // bound as the user, if the server accepted
};

class LdapDirectory {
public:
    // The options must outlive this.
    explicit LdapDirectory(const LdapOptions& options) : options_(options) {}

    // Called once. Prepares libldap, and reads the service account's password if there is one. It
    // is misuse if others may read or write its file, or if -D is no DN.
    Result<void> prepare();

    // Connects to the server and binds as the user. An error is trouble with this server, after
    // which another one may be asked (temporary), misuse, or a refusal (rejected).
    Result<LdapLogin> log_in(const LdapUri& server, std::string_view login,
                             std::string_view password, Clock::time_point deadline) const;

    // Whether the server has such a user. A DN that was made from a template is looked up without a
    // bind.
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
