#include "ldap/name.hh"

#include "base/text.hh"
#include "link/peer.hh"

#include <algorithm>
#include <arpa/inet.h>
#include <ldap.h>
#include <memory>
#include <new>
#include <sys/un.h>

namespace poppass {

namespace {

std::string_view usual_port(LdapUri::Scheme scheme) {
    return scheme == LdapUri::Scheme::ldaps ? "636" : "389";
}

const char* scheme_name(LdapUri::Scheme scheme) {
    switch (scheme) {
    case LdapUri::Scheme::ldap: return "ldap";
    case LdapUri::Scheme::ldaps: return "ldaps";
    case LdapUri::Scheme::ldapi: return "ldapi";
    }
    return "";
}

// Whether it is an address of IPv6, or consists of what names and addresses of IPv4 consist of.
bool is_host(const std::string& host) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
    in6_addr address;
    return ::inet_pton(AF_INET6, host.c_str(), &address) == 1 ||
           (!host.empty() && host.find_first_not_of(plain) == host.npos);
}

// Whether the address of a socket has room for the path and its NUL.
bool is_socket_path(const std::string& path) {
    return path.starts_with('/') && path.size() < sizeof sockaddr_un::sun_path;
}

// libldap's parser ignores much: a search, the text after a NUL or between an address and its port,
// a sign before the port. So a URI counts only if it is what text() would write, in any case of
// letters.
bool is_written_so(const LdapUri& uri, std::string_view text) {
    const std::string written = lower(uri.text());
    const std::string given = lower(text);
    if (uri.scheme == LdapUri::Scheme::ldapi)
        return given == written || given == "ldapi://" + lower(uri.path);
    return given == written || given + ":" + std::string{usual_port(uri.scheme)} == written;
}

std::optional<LdapUri> parse_uri(std::string_view text) {
    if (text.ends_with('/')) text.remove_suffix(1);
    LDAPURLDesc* found = nullptr;
    if (::ldap_url_parse(std::string{text}.c_str(), &found) != LDAP_URL_SUCCESS)
        return std::nullopt;
    const std::unique_ptr<LDAPURLDesc, decltype(&::ldap_free_urldesc)> parsed{found,
                                                                              ::ldap_free_urldesc};
    const std::string host = parsed->lud_host == nullptr ? "" : parsed->lud_host;
    for (const auto scheme : {LdapUri::Scheme::ldap, LdapUri::Scheme::ldaps}) {
        if (parsed->lud_scheme != std::string_view{scheme_name(scheme)}) continue;
        const bool has_port = parsed->lud_port > 0 && parsed->lud_port < 65536;
        LdapUri uri{scheme, lower(host), std::to_string(parsed->lud_port), {}};
        if (has_port && is_host(uri.host) && is_written_so(uri, text)) return uri;
    }
    if (parsed->lud_scheme != std::string_view{"ldapi"}) return std::nullopt;
    // libldap takes ldapi:///PATH, with plain slashes, for a DN and no host.
    const bool plain = host.empty() && parsed->lud_dn != nullptr;
    LdapUri uri{LdapUri::Scheme::ldapi, {}, {}, plain ? "/" + std::string{parsed->lud_dn} : host};
    if (!is_socket_path(uri.path) || !is_written_so(uri, text)) return std::nullopt;
    return uri;
}

bool has_usual_port(const LdapUri& uri) { return uri.port == usual_port(uri.scheme); }

// RFC 4514 takes `\` and two hex digits for any byte, so more is escaped than must be: a space or a
// `#` is special only at an end of the value, and `=` is not special. libldap has no such function.
void append_to_dn(std::string& into, std::string_view value) {
    constexpr std::string_view hex = "0123456789abcdef";
    constexpr std::string_view special = " \"#+,;<=>\\";
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_control(c) || special.find(c) != special.npos)
            into.append({'\\', hex[byte >> 4u], hex[byte & 15u]});
        else
            into += c;
    }
}

void append_to_filter(std::string& into, std::string_view value) {
    berval given{value.size(), const_cast<char*>(value.data())};
    berval escaped{};
    if (::ldap_bv2escaped_filter_value(&given, &escaped) != 0) throw std::bad_alloc{};
    into.append(escaped.bv_val, escaped.bv_len);
    ::ber_memfree(escaped.bv_val);
}

// Calls `text` for each text of a template, and `place` with the letter of each placeholder.
template <class Text, class Place>
void read_template(std::string_view rest, Text text, Place place) {
    for (std::size_t percent; (percent = rest.find('%')) != rest.npos;) {
        text(rest.substr(0, percent));
        place(percent + 1 < rest.size() ? rest[percent + 1] : '\0');
        rest.remove_prefix(std::min(rest.size(), percent + 2));
    }
    text(rest);
}

struct Places {
    bool login = false;  // %s
    bool user = false;   // %u
    bool domain = false; // %d
    bool others = false;
};

Places find_places(std::string_view text) {
    Places found;
    read_template(
        text, [](std::string_view) {},
        [&](char letter) {
            if (letter == 's') found.login = true;
            if (letter == 'u') found.user = true;
            if (letter == 'd') found.domain = true;
            if (std::string_view{"sud%"}.find(letter) == std::string_view::npos)
                found.others = true;
        });
    return found;
}

} // namespace

std::string LdapUri::text() const {
    std::string place = scheme == Scheme::ldapi ? path : host;
    std::string name = scheme_name(scheme);
    LDAPURLDesc parts{};
    parts.lud_scheme = name.data();
    parts.lud_host = place.data();
    parts.lud_port = port.empty() ? 0 : std::stoi(port);
    parts.lud_scope = LDAP_SCOPE_DEFAULT;
    const std::unique_ptr<char, decltype(&::ldap_memfree)> written{::ldap_url_desc2str(&parts),
                                                                   ::ldap_memfree};
    if (written == nullptr) throw std::bad_alloc{};
    return written.get();
}

Result<std::vector<LdapUri>> parse_ldap_uris(std::string_view text) {
    std::vector<LdapUri> uris;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (word.empty()) continue;
        auto uri = parse_uri(word);
        if (!uri)
            return misuse("not a URI of a directory server: " + std::string{word} +
                          " (ldap://HOST[:PORT], ldaps://HOST[:PORT] or ldapi://PATH, its slashes "
                          "as %2F)");
        uris.push_back(std::move(*uri));
    }
    return uris;
}

bool is_loopback(const LdapUri& uri) {
    const auto address = parse_address(uri.host);
    return address ? is_loopback_address(*address) : uri.host == "localhost";
}

std::optional<std::size_t> find_referred(std::string_view referral,
                                         const std::vector<LdapUri>& servers) {
    // The part after the server names an entry.
    const std::size_t authority = referral.find("://");
    if (authority == referral.npos) return std::nullopt;
    const auto wanted = parse_uri(referral.substr(0, referral.find_first_of("/?", authority + 3)));
    if (!wanted) return std::nullopt;
    const auto found = std::find_if(servers.begin(), servers.end(), [&](const LdapUri& server) {
        const bool same_port = server.scheme == wanted->scheme && server.port == wanted->port;
        return server.host == wanted->host && server.path == wanted->path &&
               (same_port || (has_usual_port(server) && has_usual_port(*wanted)));
    });
    if (found == servers.end()) return std::nullopt;
    return static_cast<std::size_t>(found - servers.begin());
}

Result<void> check_ldap_template(std::string_view name, std::string_view text) {
    const Places found = find_places(text);
    const std::string option{name};
    if (found.others)
        return misuse(option +
                      ": only %s, %u, %d and %% may follow a percent sign: " + std::string{text});
    if (!found.login && !found.user)
        return misuse(option + " must hold the login, as %u or %s: " + std::string{text});
    return {};
}

std::optional<std::string> expand_ldap_template(std::string_view text, std::string_view login,
                                                LdapSyntax syntax) {
    const std::size_t at = login.rfind('@');
    const bool split = find_places(text).domain;
    if (login.empty() || !is_utf8(login) || (split && at == login.npos)) return std::nullopt;
    const std::string_view user = split ? login.substr(0, at) : login;
    const std::string_view domain = split ? login.substr(at + 1) : std::string_view{};

    std::string result;
    bool complete = true;
    const auto put = [&](std::string_view value) {
        if (value.empty()) {
            complete = false;
            return;
        }
        switch (syntax) {
        case LdapSyntax::dn: return append_to_dn(result, value);
        case LdapSyntax::filter: return append_to_filter(result, value);
        case LdapSyntax::plain: result += value;
        }
    };
    read_template(
        text, [&](std::string_view piece) { result += piece; },
        [&](char letter) {
            if (letter == 's') put(login);
            if (letter == 'u') put(user);
            if (letter == 'd') put(domain);
            if (letter == '%') result += '%';
        });
    if (!complete) return std::nullopt;
    return result;
}

} // namespace poppass
