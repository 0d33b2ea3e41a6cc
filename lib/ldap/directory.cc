#include "ldap/directory.hh"

#include "base/fd.hh"
#include "ldap/library.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass {

namespace {

bool is_dn(const std::string& text) {
    LDAPDN dn = nullptr;
    const bool good = ::ldap_str2dn(text.c_str(), &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS;
    ::ldap_dnfree(dn);
    return good;
}

Result<void> read_password_file(const std::string& path, Secret& into) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd) return Error{ExitStatus::misused, "-y: open " + path, errno};
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return system_trouble("look at", path);
    if (!S_ISREG(status.st_mode)) return misuse("-y: " + path + " is no regular file");
    if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return misuse("-y: " + path + " may be read or written by others: chmod 0600 or 0640");
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        return misuse("-y: " + path + " belongs neither to root nor to us");
    into.wipe();
    const auto size = read_whole(fd.get(), into.storage());
    if (!size) return size.error();
    if (*size == into.capacity()) return misuse("-y: " + path + " is too long");
    into.resize(*size);
    if (into.view().ends_with('\n')) into.resize(*size - 1);
    if (into.view().empty()) return misuse("-y: " + path + " holds no password");
    return {};
}

} // namespace

Result<void> LdapDirectory::prepare() {
    prepare_libldap();
    if (!options_.user_dn.empty() &&
        !is_dn(*expand_ldap_template(options_.user_dn, "user@domain", LdapSyntax::dn)))
        return misuse("-D: not a DN: " + options_.user_dn);
    if (options_.service_password_file.empty()) return {};
    return read_password_file(options_.service_password_file, service_password_);
}

// The user's DN, or the filter that finds it.
std::optional<std::string> LdapDirectory::expand(std::string_view login) const {
    const bool search = options_.user_dn.empty();
    return expand_ldap_template(search ? options_.filter : options_.user_dn, login,
                                search ? LdapSyntax::filter : LdapSyntax::dn);
}

Result<std::optional<std::string>> LdapDirectory::find_user(LdapSession& session,
                                                            const std::string& expanded,
                                                            Clock::time_point deadline) const {
    if (!options_.user_dn.empty()) return std::optional{expanded};
    if (!options_.service_dn.empty()) {
        const auto bound = session.bind(options_.service_dn, service_password_.view(), deadline);
        if (!bound) return bound.error();
        if (bound->standing != LdapStanding::accepted)
            return trouble("the service account " + options_.service_dn + " is refused" +
                           (bound->reason.empty() ? "" : ": " + bound->reason));
    }
    return session.find(options_.base, expanded, deadline);
}

Result<LdapLogin> LdapDirectory::log_in(const LdapUri& server, std::string_view login,
                                        std::string_view password,
                                        Clock::time_point deadline) const {
    const LdapBound unknown{LdapStanding::not_known, {}};
    const auto expanded = expand(login);
    if (password.empty() || !expanded) return LdapLogin{unknown, {}};
    auto session = LdapSession::open(server, options_.security, deadline);
    if (!session) return session.error();
    const auto dn = find_user(*session, *expanded, deadline);
    if (!dn) return dn.error();
    if (!*dn) return LdapLogin{unknown, {}};
    auto bound = session->bind(**dn, password, deadline);
    if (!bound) return bound.error();
    const bool accepted =
        bound->standing == LdapStanding::accepted || bound->standing == LdapStanding::must_change;
    if (!accepted) return LdapLogin{std::move(*bound), {}};
    return LdapLogin{std::move(*bound), std::move(*session)};
}

Result<bool> LdapDirectory::has_user(const LdapUri& server, std::string_view login,
                                     Clock::time_point deadline) const {
    const auto expanded = expand(login);
    if (!expanded) return false;
    auto session = LdapSession::open(server, options_.security, deadline);
    if (!session) return session.error();
    if (!options_.user_dn.empty()) return session->exists(*expanded, deadline);
    const auto dn = find_user(*session, *expanded, deadline);
    if (!dn) return dn.error();
    return dn->has_value();
}

void LdapDirectory::look_over(Report& report) const {
    for (const LdapUri& server : options_.servers) {
        const auto found = has_user(server, "poppass-check", Clock::now() + options_.limit);
        if (found)
            report.ok(server.text(), "answers");
        else
            report.fail(server.text(), found.error().message());
    }
}

} // namespace poppass
