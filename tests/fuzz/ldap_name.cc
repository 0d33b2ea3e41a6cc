// What a login becomes in a directory's DN and filter, judged by libldap's own parser, and the URIs
// of servers. Lines of the input: a list of URIs, a template; the rest is the login.
#include "ldap/name.hh"

#include "fuzz/target.hh"
#include "ldap/server_text.hh"

#include <cstdlib>
#include <ldap.h>
#include <memory>

namespace poppass::fuzz {

namespace {

// The value of the first RDN, as libldap reads the DN; the others must be those of the template.
std::string first_value(const std::string& text) {
    LDAPDN dn = nullptr;
    must(::ldap_str2dn(text.c_str(), &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS, "a DN is a DN");
    const std::unique_ptr<LDAPRDN, decltype(&::ldap_dnfree)> owner{dn, ::ldap_dnfree};
    std::size_t count = 0;
    while (dn[count] != nullptr) ++count;
    must(count == 3 && dn[0][1] == nullptr, "of as many parts as the template has");
    const auto& attribute = *dn[0][0];
    must(std::string_view{attribute.la_attr.bv_val, attribute.la_attr.bv_len} == "uid",
         "the first one is the template's attribute");
    const auto& last = dn[2][0]->la_value;
    must(std::string_view{last.bv_val, last.bv_len} == "example", "the last one is the template's");
    return {attribute.la_value.bv_val, attribute.la_value.bv_len};
}

// The value of a filter with its escapes undone, as RFC 4515 has them.
std::string unescaped(std::string_view value) {
    std::string text;
    while (!value.empty()) {
        const char c = value.front();
        must(c != '(' && c != ')' && c != '*' && c != '\0',
             "nothing in a filter's value is special");
        value.remove_prefix(1);
        if (c != '\\') {
            text += c;
            continue;
        }
        const std::string digits{value.substr(0, 2)};
        char* end = nullptr;
        text += static_cast<char>(std::strtoul(digits.c_str(), &end, 16));
        must(digits.size() == 2 && *end == '\0', "an escape has two digits");
        value.remove_prefix(2);
    }
    return text;
}

void check_login(std::string_view login) {
    const bool sound = !login.empty() && is_utf8(login);
    const auto dn = expand_ldap_template("uid=%u,ou=people,dc=example", login, LdapSyntax::dn);
    const auto filter = expand_ldap_template("(uid=%s)", login, LdapSyntax::filter);
    must(dn.has_value() == sound && filter.has_value() == sound,
         "UTF-8 that is not empty is a login");
    if (!sound) return;
    // libldap's text may not end early.
    must(dn->find('\0') == dn->npos && filter->find('\0') == filter->npos, "no NUL is left");
    must(first_value(*dn) == login, "a DN names the login and nothing else");
    must(filter->starts_with("(uid=") && filter->ends_with(")"), "a filter is the template's");
    must(unescaped(std::string_view{*filter}.substr(5, filter->size() - 6)) == login,
         "a filter asks for the login and nothing else");
}

void check_template(std::string_view text, std::string_view login) {
    const auto good = check_ldap_template("-D", text);
    const auto filled = expand_ldap_template(text, login, LdapSyntax::dn);
    if (!filled || !good) return;
    if (const auto other = expand_ldap_template(text, std::string{login} + "x", LdapSyntax::dn))
        must(*other != *filled, "no part of a login is ever ignored");
}

void check_uris(std::string_view text) {
    const auto uris = parse_ldap_uris(text);
    if (!uris) return must(uris.error().status == ExitStatus::misused, "what is no URI is misuse");
    for (const auto& uri : *uris) {
        const std::string written = uri.text();
        must(!has_control(written) && written.find(' ') == std::string::npos,
             "a URI is one plain word");
        const auto again = parse_ldap_uris(written);
        must(again && again->size() == 1 && again->front().text() == written &&
                 again->front().host == uri.host && again->front().path == uri.path,
             "and understood as it is written");
        must(find_referred(written, *uris).has_value(), "a server refers to itself");
        LDAPURLDesc* parsed = nullptr;
        must(::ldap_url_parse(written.c_str(), &parsed) == LDAP_URL_SUCCESS, "libldap takes it");
        const std::unique_ptr<LDAPURLDesc, decltype(&::ldap_free_urldesc)> owner{
            parsed, ::ldap_free_urldesc};
        const std::string& place = uri.scheme == LdapUri::Scheme::ldapi ? uri.path : uri.host;
        must(parsed->lud_host == place, "for the same host or socket");
        must(uri.port.empty() || std::stoi(uri.port) == parsed->lud_port, "and port");
        must((parsed->lud_dn == nullptr || *parsed->lud_dn == '\0') &&
                 parsed->lud_filter == nullptr && parsed->lud_exts == nullptr,
             "and asks for nothing more");
    }
}

void check_words(std::string_view text) {
    const std::string words = clean_server_text(text);
    must(words.size() <= 100 && !has_control(words), "a server's words are short and plain");
    must(!is_utf8(text) || is_utf8(words), "and no character is cut");
}

} // namespace

void try_input(std::string_view input) {
    check_uris(take(input));
    const std::string_view text = take(input);
    check_template(text, input);
    check_login(input);
    check_words(input);
}

} // namespace poppass::fuzz
