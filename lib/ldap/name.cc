#include "ldap/name.hh"

#include <algorithm>
#include <arpa/inet.h>

namespace poppass {

namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view digits = "0123456789";

std::string lower_case(std::string_view text) {
    std::string result{text};
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

bool consists_of(std::string_view text, std::initializer_list<std::string_view> sets) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return std::any_of(sets.begin(), sets.end(),
                           [&](std::string_view set) { return set.find(c) != set.npos; });
    });
}

std::string_view scheme_name(LdapUri::Scheme scheme) {
    switch (scheme) {
    case LdapUri::Scheme::ldap: return "ldap";
    case LdapUri::Scheme::ldaps: return "ldaps";
    case LdapUri::Scheme::ldapi: return "ldapi";
    }
    return {};
}

std::string_view usual_port(LdapUri::Scheme scheme) {
    return scheme == LdapUri::Scheme::ldaps ? "636" : "389";
}

char hex_digit(unsigned value) { return "0123456789abcdef"[value & 15]; }

std::string percent_encoded(std::string_view path) {
    std::string result;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (consists_of(lower_case({&c, 1}), {letters, digits, "._-"}))
            result += c;
        else
            result.append({'%', hex_digit(byte >> 4u), hex_digit(byte)});
    }
    return result;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string result;
    const auto value = [](char c) {
        const auto at = std::string_view{"0123456789abcdef"}.find(c);
        return static_cast<unsigned>(at);
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const std::string pair = lower_case(text.substr(i + 1, 2));
        if (pair.size() != 2 || !consists_of(pair, {digits, "abcdef"})) return std::nullopt;
        result += static_cast<char>(value(pair[0]) * 16 + value(pair[1]));
        i += 2;
    }
    return result;
}

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || !consists_of(text, {digits})) return false;
    const int number = std::stoi(std::string{text});
    return number > 0 && number < 65536;
}

std::optional<LdapUri> parse_socket(std::string_view rest) {
    if (rest.ends_with('/')) rest.remove_suffix(1);
    auto path = percent_decoded(rest);
    // What an address of a socket has room for, its NUL included.
    if (!path || !path->starts_with('/') || path->size() > 107 ||
        path->find('\0') != std::string::npos)
        return std::nullopt;
    return LdapUri{LdapUri::Scheme::ldapi, {}, {}, std::move(*path)};
}

// HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT.
std::optional<LdapUri> parse_authority(LdapUri::Scheme scheme, std::string_view text) {
    LdapUri uri{scheme, {}, std::string{usual_port(scheme)}, {}};
    const bool bracket = text.starts_with('[');
    const std::size_t end = bracket ? text.find(']') : text.find(':');
    if (bracket && end == text.npos) return std::nullopt;
    uri.host = lower_case(bracket ? text.substr(1, end - 1) : text.substr(0, end));
    text.remove_prefix(std::min(text.size(), bracket ? end + 1 : end));
    in6_addr address;
    const bool good = bracket
                          ? consists_of(uri.host, {digits, "abcdef:."}) &&
                                ::inet_pton(AF_INET6, uri.host.c_str(), &address) == 1
                          : !uri.host.empty() && consists_of(uri.host, {letters, digits, ".-_"});
    if (!good) return std::nullopt;
    if (text.empty()) return uri;
    if (text.front() != ':' || !is_port(text.substr(1))) return std::nullopt;
    uri.port = text.substr(1);
    return uri;
}

std::optional<LdapUri> parse_uri(std::string_view text) {
    for (const auto scheme :
         {LdapUri::Scheme::ldap, LdapUri::Scheme::ldaps, LdapUri::Scheme::ldapi}) {
        const std::string prefix = std::string{scheme_name(scheme)} + "://";
        if (lower_case(text.substr(0, prefix.size())) != prefix) continue;
        std::string_view rest = text.substr(prefix.size());
        if (scheme == LdapUri::Scheme::ldapi) return parse_socket(rest);
        if (rest.ends_with('/')) rest.remove_suffix(1);
        return parse_authority(scheme, rest);
    }
    return std::nullopt;
}

bool has_usual_port(const LdapUri& uri) { return uri.port == usual_port(uri.scheme); }

bool is_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned first = byte(i++);
        if (first < 0x80) continue;
        const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4) return false;
        unsigned code = first & (0x3fu >> more);
        for (int n = 0; n < more; ++n) {
            const unsigned next = byte(i++);
            if ((next & 0xc0u) != 0x80) return false;
            code = code << 6u | (next & 0x3fu);
        }
        const bool too_long = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
        if (too_long || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return false;
    }
    return true;
}

// Both syntaxes take `\` and two hex digits for any byte, so more is escaped than must be: a space
// or a `#` counts at the ends of a DN's value only, `=` never.
void append_escaped(std::string& into, std::string_view value, LdapSyntax syntax) {
    const std::string_view special = syntax == LdapSyntax::dn ? " \"#+,;<=>\\" : "()*\\";
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || special.find(c) != special.npos)
            into.append({'\\', hex_digit(byte >> 4u), hex_digit(byte)});
        else
            into += c;
    }
}

// Hands every piece of a template on: text, or the letter of a placeholder.
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
    std::string result = std::string{scheme_name(scheme)} + "://";
    if (scheme == Scheme::ldapi) return result + percent_encoded(path);
    const bool address = host.find(':') != host.npos;
    return result + (address ? "[" + host + "]" : host) + ":" + port;
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
    in_addr address;
    if (::inet_pton(AF_INET, uri.host.c_str(), &address) == 1)
        return ntohl(address.s_addr) >> 24u == 127;
    in6_addr address6;
    if (::inet_pton(AF_INET6, uri.host.c_str(), &address6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&address6);
    return uri.host == "localhost";
}

std::optional<std::size_t> find_referred(std::string_view referral,
                                         const std::vector<LdapUri>& servers) {
    // What follows the server names an entry.
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
        if (value.empty()) complete = false;
        append_escaped(result, value, syntax);
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
