// Finds a user at one server of a directory, and binds with the user's password.
#pragma once

#include "base/secret.hh"
#include "ldap/login_name.hh"
#include "ldap/options.hh"
#include "link/report.hh"

#include <optional>
#include <string>
#include <string_view>

namespace poppass {

struct LdapUser {
    std::string dn;
    std::optional<std::string> name; // where the options want it, and the server tells it
};

struct LdapLogin {
    LdapBound bound;
    std::optional<LdapSession> session; // bound as the user, if the server accepted
    std::optional<std::string> name;    // then: as in LdapUser
};

class LdapDirectory {
public:
    // The options must outlive this.
    explicit LdapDirectory(const LdapOptions& options) : options_(options) {}

    // Called once. Prepares libldap, and reads the service account's password if there is one. It
    // is misuse if others may read or write its file, or if -D is no DN.
    Result<void> prepare();

    // Connects to the server and binds as the user. A login that is no name of the entry that the
    // server finds is not known. An error is trouble with this server, after which another one may
    // be asked (temporary), misuse, or a refusal (rejected).
    Result<LdapLogin> log_in(const LdapUri& server, std::string_view login,
                             std::string_view password, Clock::time_point deadline) const;

    // The user; nothing if the server has none. A DN that was made from a template is looked up
    // without a bind.
    Result<std::optional<LdapUser>> look_up(const LdapUri& server, std::string_view login,
                                            Clock::time_point deadline) const;

    // Asks each server for a user that does not exist, and says which of them answer.
    void look_over(Report& report) const;

private:
    std::optional<std::string> expand(std::string_view login) const;
    Result<std::optional<LdapUser>> search(LdapSession& session, const std::string& filter,
                                           std::string_view login,
                                           Clock::time_point deadline) const;
    bool is_name_of(const LdapEntry& entry, std::string_view login) const;
    Result<std::string> stored_name(const LdapEntry& entry) const;
    Result<void> check_only_holder(LdapSession& session, const LdapEntry& entry,
                                   std::string_view name, Clock::time_point deadline) const;
    bool is_made_by_login(const std::string& dn, const std::string& expanded) const;
    std::optional<std::string> name_from_dn(const std::string& dn, std::string_view login) const;

    const LdapOptions& options_;
    std::vector<LdapComparison> comparisons_; // those of the filter
    Secret service_password_{1024};
};

} // namespace poppass
