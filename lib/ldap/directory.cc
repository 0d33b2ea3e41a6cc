#include "ldap/directory.hh"

#include "account/login.hh"
#include "base/private_file.hh"
#include "base/text.hh"
#include "ldap/library.hh"

#include <algorithm>

namespace poppass {

namespace {

bool is_dn(const std::string& text) {
    LDAPDN dn = nullptr;
    const bool good = ::ldap_str2dn(text.c_str(), &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS;
    ::ldap_dnfree(dn);
    return good;
}

// Whether it can be the user of a native chain.
bool is_user(std::string_view name, bool utf8) {
    return is_plain_login(name, utf8) && is_user_name(name);
}

Result<void> read_password_file(const std::string& path, Secret& into) {
    if (const auto owner = read_private_file("-y", path, into); !owner) return owner.error();
    if (into.view().ends_with('\n')) into.resize(into.size() - 1);
    if (into.view().empty()) return misuse("-y: " + path + " holds no password: write it there");
    return {};
}

} // namespace

Result<void> LdapDirectory::prepare() {
    prepare_libldap();
    if (options_.user_dn.empty()) comparisons_ = find_comparisons(options_.filter);
    if (!options_.user_dn.empty() &&
        !is_dn(*expand_ldap_template(options_.user_dn, "user@domain", LdapSyntax::dn)))
        return misuse("-D: not a DN: " + options_.user_dn +
                      ": write it as uid=%u,ou=people,dc=example,dc=org");
    if (options_.service_password_file.empty()) return {};
    return read_password_file(options_.service_password_file, service_password_);
}

// The user's DN, or the filter that finds it.
std::optional<std::string> LdapDirectory::expand(std::string_view login) const {
    if (!is_plain_login(login, options_.utf8)) return std::nullopt;
    const bool search = options_.user_dn.empty();
    return expand_ldap_template(search ? options_.filter : options_.user_dn, login,
                                search ? LdapSyntax::filter : LdapSyntax::dn);
}

// Whether the login is what an attribute of the entry says, apart from the case of ASCII letters.
bool LdapDirectory::is_name_of(const LdapEntry& entry, std::string_view login) const {
    for (const LdapComparison& comparison : comparisons_) {
        const auto wanted = expand_ldap_template(comparison.text, login, LdapSyntax::plain);
        const auto equals = [&](const LdapEntry::Value& value) {
            return wanted && same_but_for_case(value.value, *wanted);
        };
        if (std::any_of(entry.values.begin(), entry.values.end(), equals)) return true;
    }
    return false;
}

// The one value of the attribute --name.
Result<std::string> LdapDirectory::stored_name(const LdapEntry& entry) const {
    std::vector<std::string_view> names;
    for (const auto& [attribute, value] : entry.values)
        if (same_but_for_case(attribute, options_.name_attribute)) names.push_back(value);
    if (names.size() == 1 && is_user(names.front(), options_.utf8))
        return std::string{names.front()};
    return Error{ExitStatus::rejected,
                 entry.dn + ": " + options_.name_attribute +
                     " must have one value, which can be the user's name (--name, --utf8)",
                 0};
}

// Refuses (rejected) a name unless a search for it finds this entry, and no other: users who may
// write their own entries could take one another's names.
Result<void> LdapDirectory::check_only_holder(LdapSession& session, const LdapEntry& entry,
                                              std::string_view name,
                                              Clock::time_point deadline) const {
    const std::string comparison = options_.name_attribute + "=";
    const std::string said = entry.dn + ": a search for " + comparison + std::string{name} + " ";
    const Error absent{ExitStatus::rejected, said + "does not find this entry", 0};
    const auto filter = expand_ldap_template("(" + comparison + "%u)", name, LdapSyntax::filter);
    if (!filter) return absent; // it is not UTF-8
    const auto holder = session.find(options_.base, *filter, {LDAP_NO_ATTRS}, deadline);
    if (!holder && holder.error().status == ExitStatus::rejected)
        return Error{ExitStatus::rejected, said + "finds more than one entry", 0};
    if (!holder) return holder.error();
    if (!*holder || (*holder)->dn != entry.dn) return absent;
    return {};
}

// Whether the server's DN of a user names whom the DN of the login does. A proxy may call the
// folder by another name.
bool LdapDirectory::is_made_by_login(const std::string& dn, const std::string& expanded) const {
    return options_.utf8 ? same_dn(dn, expanded) : same_first_rdn(dn, expanded);
}

// The name in the DN of the user's entry. Where the template has the domain outside of the first
// RDN, the name has it too: without it, two users could have one name.
std::optional<std::string> LdapDirectory::name_from_dn(const std::string& dn,
                                                       std::string_view login) const {
    auto name = first_rdn_value(dn);
    if (!name) return std::nullopt;
    const std::string_view rdn = options_.first_rdn();
    const bool whole = rdn.find("%s") != rdn.npos || rdn.find("%d") != rdn.npos;
    if (!whole && options_.user_dn.find("%d") != options_.user_dn.npos)
        *name += lower(login.substr(login.rfind('@')));
    if (!is_user(*name, options_.utf8)) return std::nullopt;
    return name;
}

// The user whom the search finds by this login. It is a refusal (rejected) if the login is not a
// name that the entry shows: then only the looser rules of the directory have made them equal.
Result<std::optional<LdapUser>> LdapDirectory::search(LdapSession& session,
                                                      const std::string& filter,
                                                      std::string_view login,
                                                      Clock::time_point deadline) const {
    if (!options_.service_dn.empty()) {
        const auto bound = session.bind(options_.service_dn, service_password_.view(), deadline);
        if (!bound) return bound.error();
        if (bound->standing != LdapStanding::accepted)
            return trouble("the service account " + options_.service_dn + " is refused" +
                           (bound->reason.empty() ? "" : ": " + bound->reason));
    }
    std::vector<std::string> attributes;
    for (const LdapComparison& comparison : comparisons_)
        attributes.push_back(comparison.attribute);
    if (options_.named) attributes.push_back(options_.name_attribute);
    const auto entry = session.find(options_.base, filter, attributes, deadline);
    if (!entry) return entry.error();
    if (!*entry) return std::optional<LdapUser>{};
    if (!is_name_of(**entry, login))
        return Error{ExitStatus::rejected,
                     (*entry)->dn + ": no value of " + comparisons_.front().attribute +
                         " that may be read is the login",
                     0};
    LdapUser user{(*entry)->dn, {}};
    if (!options_.named) return std::optional{std::move(user)};
    auto name = stored_name(**entry);
    if (!name) return name.error();
    const auto alone = check_only_holder(session, **entry, *name, deadline);
    if (!alone) return alone.error();
    user.name = std::move(*name);
    return std::optional{std::move(user)};
}

Result<LdapLogin> LdapDirectory::log_in(const LdapUri& server, std::string_view login,
                                        std::string_view password,
                                        Clock::time_point deadline) const {
    const LdapBound unknown{LdapStanding::not_known, {}};
    const auto expanded = expand(login);
    if (password.empty() || !expanded) return LdapLogin{unknown, {}, {}};
    auto session = LdapSession::open(server, options_.security, deadline);
    if (!session) return session.error();
    const bool by_search = options_.user_dn.empty();
    auto user = by_search ? search(*session, *expanded, login, deadline)
                          : Result<std::optional<LdapUser>>{LdapUser{*expanded, {}}};
    if (!user) return user.error();
    if (!*user) return LdapLogin{unknown, {}, {}};
    auto bound = session->bind((*user)->dn, password, deadline);
    if (!bound) return bound.error();
    const bool accepted =
        bound->standing == LdapStanding::accepted || bound->standing == LdapStanding::must_change;
    if (!accepted) return LdapLogin{std::move(*bound), {}, {}};
    if (!by_search && (options_.named || options_.utf8)) {
        const auto told = session->who_am_i(deadline);
        if (!told) return told.error();
        const bool silent = told->empty() && !options_.utf8;
        if (!silent && !is_made_by_login(*told, *expanded))
            return Error{ExitStatus::rejected, *expanded + ": the server gives the user another DN",
                         0};
        (*user)->name = name_from_dn(*told, login);
    }
    return LdapLogin{std::move(*bound), std::move(*session), std::move((*user)->name)};
}

Result<std::optional<LdapUser>> LdapDirectory::look_up(const LdapUri& server,
                                                       std::string_view login,
                                                       Clock::time_point deadline) const {
    const auto expanded = expand(login);
    if (!expanded) return std::optional<LdapUser>{};
    auto session = LdapSession::open(server, options_.security, deadline);
    if (!session) return session.error();
    if (options_.user_dn.empty()) return search(*session, *expanded, login, deadline);
    const auto entry = session->read(*expanded, deadline);
    if (!entry) return entry.error();
    if (!*entry || !is_made_by_login((*entry)->dn, *expanded)) return std::optional<LdapUser>{};
    return std::optional{LdapUser{(*entry)->dn, name_from_dn((*entry)->dn, login)}};
}

void LdapDirectory::look_over(Report& report) const {
    for (const LdapUri& server : options_.servers) {
        constexpr int first_free_port = 1024; // below, only root can listen
        const bool tls = options_.security.protects(server);
        if (server.scheme == LdapUri::Scheme::ldap && !tls &&
            std::stoi(server.port) >= first_free_port)
            report.warn(server.text(),
                        "while the server is down, any account can listen on this port and be "
                        "sent passwords: use ldapi://, TLS, or a port below 1024");
        if (const auto session =
                LdapSession::open(server, options_.security, Clock::now() + options_.limit);
            !session) {
            report.fail(server.text(), session.error().message() +
                                           ": see that the server runs there, or correct -H" +
                                           (tls ? ", --ca or its certificate" : ""));
            continue;
        }
        const auto found =
            look_up(server, "poppass-check@localhost", Clock::now() + options_.limit);
        if (found)
            report.ok(server.text(), "answers");
        else
            report.fail(server.text(),
                        found.error().message() +
                            (options_.user_dn.empty()
                                 ? ": correct -b, -q or -w, or let that account search"
                                 : ": correct -D, or see the server's log"));
    }
}

} // namespace poppass
