#include "ldap/options.hh"

#include "base/settings.hh"
#include "ldap/login_name.hh"
#include "link/link_table.hh"

#include <algorithm>
#include <unistd.h>

namespace poppass {

namespace {

// A change takes, at the most, the limit at each server, once more for the change itself, and again
// at each server to settle one whose answer was lost. This keeps all of it below POPPASS_RUN's
// default.
std::chrono::seconds usual_limit(std::size_t servers) {
    const auto limits = static_cast<long>(2 * servers + 1);
    return std::chrono::seconds{std::clamp(55 / limits, 1L, 5L)};
}

Result<void> take_text(std::string& into, std::string_view option, std::string_view value) {
    if (value.empty()) return misuse(std::string{option} + " must not be empty");
    into = value;
    return {};
}

} // namespace

Result<void> LdapOptions::take(int option, std::string_view value) {
    switch (option) {
    case 'H': {
        auto more = parse_ldap_uris(value);
        if (!more) return more.error();
        std::move(more->begin(), more->end(), std::back_inserter(servers));
        return {};
    }
    case 't': {
        const auto seconds = parse_number("-t", value, 1, 3600);
        if (!seconds) return seconds.error();
        limit = std::chrono::seconds{*seconds};
        return {};
    }
    case 'D': return take_text(user_dn, "-D", value);
    case 'b': return take_text(base, "-b", value);
    case 'q': return take_text(filter, "-q", value);
    case 'w': return take_text(service_dn, "-w", value);
    case 'y': return take_text(service_password_file, "-y", value);
    case ca_option: return take_text(security.ca, "--ca", value);
    case name_option: return take_text(name_attribute, "--name", value);
    case utf8_option: utf8 = true; return {};
    case starttls_option: security.starttls = true; return {};
    case allow_expired_option: return {}; // a change is for those whose password has expired, too
    default: return misuse("no such option");
    }
}

Result<void> LdapOptions::complete() {
    if (servers.empty()) return misuse("-H must name a directory server");
    if (user_dn.empty() == base.empty())
        return misuse("either -D, the user's DN, or -b, where to search for it, must be given");
    if (base.empty() && !(filter.empty() && service_dn.empty() && name_attribute.empty()))
        return misuse("-q, -w and --name are for a search: with -b");
    if (service_dn.empty() != service_password_file.empty())
        return misuse("-w and -y go together: give both, or neither");
    if (filter.empty()) filter = "(uid=%u)";
    const bool search = user_dn.empty();
    if (auto good = check_ldap_template(search ? "-q" : "-D", search ? filter : user_dn); !good)
        return good.error();
    if (search && find_comparisons(filter).empty())
        return misuse(
            "-q must compare an attribute with the login for equality, as (uid=%u) does: " +
            filter);
    // Otherwise all users would get one name.
    if (!search && named)
        if (auto good = check_ldap_template("in a native chain the first part of -D", first_rdn());
            !good)
            return good.error();
    // One uid may be in several domains: two users would get one name.
    if (search && named && name_attribute.empty() && filter.find("%d") != filter.npos)
        return misuse("-q splits the login: say with --name which attribute names the user");
    if (name_attribute.empty()) name_attribute = "uid";

    bool tls = false;
    for (const LdapUri& server : servers) {
        const bool clear = server.scheme == LdapUri::Scheme::ldap && !security.starttls;
        if (clear && !is_loopback(server))
            return misuse(server.text() + " would take passwords over the net in the clear: say "
                                          "ldaps:// or --starttls");
        tls = tls || !(clear || server.scheme == LdapUri::Scheme::ldapi);
    }
    if (security.ca.empty()) security.ca = POPPASS_LDAP_CA;
    if (tls && ::access(security.ca.c_str(), R_OK) != 0)
        return misuse(system_trouble("--ca: read", security.ca).message() +
                      ": install ca-certificates, or name another file");
    if (limit.count() == 0) limit = usual_limit(servers.size());
    return {};
}

} // namespace poppass
