// URIs of servers, referrals, logins in DNs and filters, and the texts of servers.
#include "ldap/login_name.hh"
#include "ldap/name.hh"
#include "ldap/server_text.hh"

#include <doctest/doctest.h>
#include <ldap.h>

#include <map>

using namespace poppass;

namespace {

std::string parsed(std::string_view text) {
    const auto uris = parse_ldap_uris(text);
    if (!uris) return uris.error().status == ExitStatus::misused ? "misuse" : "?";
    std::string result;
    for (const auto& uri : *uris) result += (result.empty() ? "" : " ") + uri.text();
    return result;
}

std::vector<LdapUri> list(std::string_view text) { return *parse_ldap_uris(text); }

std::string dn(std::string_view pattern, std::string_view login) {
    return expand_ldap_template(pattern, login, LdapSyntax::dn).value_or("(none)");
}

std::string filter(std::string_view pattern, std::string_view login) {
    return expand_ldap_template(pattern, login, LdapSyntax::filter).value_or("(none)");
}

// The value as the server reads it: by RFC 4514 and 4515 `\` and two digits are a byte.
std::string unescaped(std::string_view text) {
    std::string result;
    for (; !text.empty(); text.remove_prefix(1)) {
        if (text[0] == '\\') {
            REQUIRE(text.size() >= 3);
            result += static_cast<char>(std::stoi(std::string{text.substr(1, 2)}, nullptr, 16));
            text.remove_prefix(2);
        } else {
            result += text[0];
        }
    }
    return result;
}

} // namespace

TEST_CASE("a list of URIs is parsed, and each is written again") {
    const std::map<std::string_view, std::string_view> cases{
        {"ldap://a.example", "ldap://a.example:389"},
        {"LDAPS://A.Example/", "ldaps://a.example:636"},
        {"ldap://127.0.0.1:3890", "ldap://127.0.0.1:3890"},
        {"ldap://[::1]", "ldap://[::1]:389"},
        {"ldaps://[2001:DB8::1]:7", "ldaps://[2001:db8::1]:7"},
        {"ldapi://%2Frun%2fslapd%2Fldapi", "ldapi://%2Frun%2Fslapd%2Fldapi"},
        {"ldapi:///run/ldapi/", "ldapi://%2Frun%2Fldapi"},
        {"ldap://a  ldaps://b ", "ldap://a:389 ldaps://b:636"},
        {"", ""},
        {"  ", ""},
    };
    for (const auto& [text, result] : cases) {
        CAPTURE(text);
        CHECK(parsed(text) == result);
    }
}

TEST_CASE("a URI with less or more than a server's address is misuse") {
    for (const std::string_view text : {"a.example",
                                        "ldap:",
                                        "ldap:/a",
                                        "ldap://",
                                        "ldap:///",
                                        "ldaps://:636",
                                        "http://a",
                                        "ldapx://a",
                                        "ldap://a:",
                                        "ldap://a:0",
                                        "ldap://a:65536",
                                        "ldap://a:389x",
                                        "ldap://a:-1",
                                        "ldap://a:+5",
                                        "ldap://a:070",
                                        "ldap://a:4294967685",
                                        "ldap://a b:3",
                                        "ldap://a/dc=org",
                                        "ldap://a?uid",
                                        "ldap://a/??sub",
                                        "ldap://user@a",
                                        "URL:ldap://a",
                                        "<ldap://a>",
                                        "ldap://[::1%25lo]",
                                        "ldap://a%20b",
                                        "ldap://[::1",
                                        "ldap://::1",
                                        "ldap://[a.example]",
                                        "ldap://[::1]389",
                                        "ldap://a,ldap://b",
                                        "ldap://a\tldap://b",
                                        "ldap://a\n",
                                        "ldapi://",
                                        "ldapi:///",
                                        "ldapi://run",
                                        "ldapi://%2",
                                        "ldapi://%2Frun/dc=org",
                                        "ldapi:///run?uid",
                                        "ldapi://%2Fa%00b",
                                        "ldapi://%2Fa%zz",
                                        "ldap://a ldap"}) {
        CAPTURE(text);
        CHECK(parsed(text) == "misuse");
    }
    CHECK(parsed("ldapi://%2f" + std::string(107, 'a')) == "misuse"); // no socket has such a path
    CHECK(parsed({"ldap://[::1\0.example]", 21}) == "misuse");
}

TEST_CASE("which hosts are loopback by their name") {
    for (const std::string_view text :
         {"ldap://localhost", "ldap://LOCALHOST:7", "ldap://127.0.0.1", "ldap://127.255.3.4",
          "ldap://[::1]", "ldap://[0:0::1]"}) {
        CAPTURE(text);
        CHECK(is_loopback(list(text)[0]));
    }
    for (const std::string_view text :
         {"ldap://localhost.example", "ldap://127.0.0.1.example", "ldap://128.0.0.1", "ldap://127",
          "ldap://[::2]", "ldap://127.0.0.1x", "ldap://0.0.0.0", "ldap://[::]"}) {
        CAPTURE(text);
        CHECK_FALSE(is_loopback(list(text)[0]));
    }
}

TEST_CASE("a referral is followed to a server of the list, and nowhere else") {
    const auto servers = list("ldap://127.0.0.1:3890 ldaps://main.example ldap://other.example "
                              "ldapi://%2Frun%2Fldapi ldaps://odd.example:6360");
    const auto found = [&](std::string_view referral) {
        const auto server = find_referred(referral, servers);
        return server ? static_cast<int>(*server) : -1;
    };
    CHECK(found("ldap://127.0.0.1:3890") == 0);
    CHECK(found("ldap://127.0.0.1:3890/uid=joe,dc=example,dc=org??base") == 0);
    CHECK(found("ldap://main.example/dc=org") == 1); // the port of ldap, for the one of ldaps
    CHECK(found("ldaps://Main.Example:636") == 1);
    CHECK(found("ldap://other.example?uid") == 2);
    CHECK(found("ldapi://%2frun%2fldapi/dc=org") == 3);
    CHECK(found("ldaps://odd.example:6360/") == 4);
    for (const std::string_view referral :
         {"ldap://127.0.0.1", "ldap://127.0.0.1:3891/dc=org", "ldaps://127.0.0.1:3890",
          "ldap://evil.example", "ldap://main.example:3890", "ldap://main.example.evil/",
          "ldap://odd.example", "ldap://evil.example/ldap://main.example", "ldapi://%2Ftmp%2Fx", "",
          "main.example", "ldap://", "://main.example", "ldap://evil@main.example"}) {
        CAPTURE(referral);
        CHECK(found(referral) == -1);
    }
}

TEST_CASE("a template must hold all of the login") {
    for (const std::string_view text :
         {"uid=%u,dc=org", "uid=%s", "mail=%u@%d", "uid=%u,o=%d,dc=org", "cn=50%% %u"})
        CHECK(check_ldap_template("-D", text));
    for (const std::string_view text : {"cn=admin,dc=org", "o=%d,dc=org", "uid=%n", "uid=%u%",
                                        "uid=%", "uid=%%u", "uid=%U", ""}) {
        CAPTURE(text);
        const auto checked = check_ldap_template("-D", text);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().status == ExitStatus::misused);
        CHECK(checked.error().what.starts_with("-D"));
    }
}

TEST_CASE("no part of a login is ignored") {
    CHECK(dn("uid=%u,dc=org", "joe") == "uid=joe,dc=org");
    CHECK(dn("uid=%u,dc=org", "joe@example.org") == "uid=joe@example.org,dc=org");
    CHECK(dn("uid=%u,o=%d,dc=org", "joe@example.org") == "uid=joe,o=example.org,dc=org");
    CHECK(dn("uid=%u,o=%d", "a@b@c") == "uid=a@b,o=c");
    CHECK(dn("mail=%s,o=%d", "joe@example.org") == "mail=joe@example.org,o=example.org");
    CHECK(dn("cn=50%%\\, %u", "joe") == "cn=50%\\, joe");
    CHECK(filter("(&(mail=%s)(uid=%u))", "j@x") == "(&(mail=j@x)(uid=j@x))");
    CHECK(filter("(uid=%u)", "%s%d") == "(uid=%s%d)"); // a value is not expanded again
}

TEST_CASE("an empty value finds no user") {
    CHECK(dn("uid=%u,o=%d", "joe") == "(none)");
    CHECK(dn("uid=%u,o=%d", "joe@") == "(none)");
    CHECK(dn("uid=%u,o=%d", "@example.org") == "(none)");
    CHECK(dn("uid=%u,o=%d", "@") == "(none)");
    CHECK(dn("uid=%u", "") == "(none)");
    CHECK(filter("(mail=%s)", "") == "(none)");
}

TEST_CASE("a login that is not UTF-8 is an unknown user") {
    for (const std::string_view login :
         {"\xff", "joe\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe2\x82",
          "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3(",
          "\xe2\x28\xa1"}) {
        CAPTURE(login);
        CHECK(dn("uid=%u", login) == "(none)");
        CHECK(filter("(uid=%u)", login) == "(none)");
    }
    for (const std::string_view login :
         {"j\xc3\xb6rg", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf",
          "\xed\x9f\xbf", "\xee\x80\x80"}) {
        CAPTURE(login);
        CHECK(dn("uid=%u", login) == "uid=" + std::string{login});
        CHECK(unescaped(filter("%u", login)) == login);
    }
}

TEST_CASE("a value can neither end nor begin anything in a DN") {
    CHECK(dn("uid=%u,dc=org", "joe,dc=evil") == "uid=joe\\2cdc\\3devil,dc=org");
    CHECK(dn("uid=%u", "a+b") == "uid=a\\2bb");
    CHECK(dn("uid=%u", "#0401") == "uid=\\230401");
    CHECK(dn("uid=%u", " joe ") == "uid=\\20joe\\20");
    CHECK(dn("uid=%u", "\"\\<>;") == "uid=\\22\\5c\\3c\\3e\\3b");
    CHECK(dn("uid=%u", "a\nb\x7f") == "uid=a\\0ab\\7f");
}

TEST_CASE("a value can neither match more nor end anything in a filter") {
    CHECK(filter("(uid=%u)", "*") == "(uid=\\2A)");
    CHECK(filter("(uid=%u)", "j*e") == "(uid=j\\2Ae)");
    CHECK(filter("(uid=%u)", ")(uid=*") == "(uid=\\29\\28uid=\\2A)");
    CHECK(filter("(uid=%u)", "\\2a") == "(uid=\\5C2a)");
    CHECK(filter("(uid=%u)", "a\nb") == "(uid=a\\0Ab)");
}

TEST_CASE("every byte comes out as it went in") {
    for (int byte = 1; byte < 128; ++byte) {
        const std::string login = "a" + std::string(1, static_cast<char>(byte)) + "b";
        CAPTURE(byte);
        const std::string in_dn = dn("%u", login);
        const std::string in_filter = filter("%u", login);
        CHECK(unescaped(in_dn) == login);
        CHECK(unescaped(in_filter) == login);
        CHECK(in_dn.find_first_of(",+\"<>;=# ") == in_dn.npos);
        CHECK(in_filter.find_first_of("()*") == in_filter.npos);
    }
}

TEST_CASE("what a filter compares with the login") {
    const auto found = [](std::string_view filter) {
        std::string all;
        for (const auto& [attribute, text] : find_comparisons(filter))
            all += attribute + " " + text + ";";
        return all;
    };
    CHECK(found("(uid=%u)") == "uid %u;");
    CHECK(found("(|(uid=%u)(mail=%s)(mail=%u@%d))") == "uid %u;mail %s;mail %u@%d;");
    CHECK(found("(&(objectClass=person)(ou=%d)(!(uid=%u)))") == "uid %u;");
    CHECK(found("(uid:caseExactMatch:=%u)") == "uid %u;");
    CHECK(found("(cn;lang-de=%u)") == "cn;lang-de %u;");
    for (const std::string_view filter :
         {"(uid=%u*)", "(uid=*%u)", "(uid~=%u)", "(uid>=%u)", "(uid<=%u)", "(:dn:=%u)", "(%u)",
          "(uid=\\2a%u)", "(ou=%d)", "(=%u)", "", "((("})
        CHECK(found(filter) == "");
}

TEST_CASE("the name in a DN, and DNs that are equal") {
    CHECK(first_rdn_value("uid=joe,ou=people") == "joe");
    CHECK(first_rdn_value("uid=two\\20words\\2C x,ou=people") == "two words, x");
    CHECK(first_rdn_value("UID=j\xc3\xb6rg") == "j\xc3\xb6rg");
    for (const std::string text : {"", "joe", "uid=a+cn=b,ou=people", "uid"})
        CHECK_FALSE(first_rdn_value(text));
    CHECK(same_dn("uid=joe,ou=people", "UID=Joe, OU=People"));
    CHECK_FALSE(same_dn("uid=joe,ou=people", "uid=joe"));
    CHECK_FALSE(same_dn("uid=joe", "uid=\xef\xbd\x8aoe"));
    CHECK_FALSE(same_dn("", ""));
    CHECK_FALSE(same_dn("joe", "joe"));
}

TEST_CASE("a refusal's reason: the policy's, the server's own, or the code's") {
    CHECK(refusal_reason(LDAP_CONSTRAINT_VIOLATION, PP_passwordTooShort, "") ==
          "your new password is too short");
    CHECK(refusal_reason(LDAP_CONSTRAINT_VIOLATION, PP_passwordTooShort, "at least 8") ==
          "your new password is too short (at least 8)");
    CHECK(refusal_reason(LDAP_CONSTRAINT_VIOLATION, -1, "invalid password syntax") ==
          "invalid password syntax");
    CHECK(refusal_reason(LDAP_CONSTRAINT_VIOLATION, -1, "") ==
          "your new password breaks a rule of the directory");
    CHECK(refusal_reason(LDAP_INSUFFICIENT_ACCESS, -1, "") == "you may not change your password");
    CHECK(refusal_reason(LDAP_UNWILLING_TO_PERFORM, 77, "") == "the directory refuses the change");
    const std::map<int, std::string_view> reasons{
        {PP_passwordModNotAllowed, "you may not change your password"},
        {PP_mustSupplyOldPassword, "the old password must be given"},
        {PP_insufficientPasswordQuality, "your new password is too weak"},
        {PP_passwordTooYoung, "you must wait longer to change your password"},
        {PP_passwordInHistory, "your new password has been used before"},
        {9, "your new password is too long"},
    };
    for (const auto& [error, words] : reasons)
        CHECK(refusal_reason(LDAP_CONSTRAINT_VIOLATION, error, "") == words);
}

TEST_CASE("a server's text becomes one clean line") {
    CHECK(clean_server_text("too short") == "too short");
    CHECK(clean_server_text("\ntoo\r\n short\t\x1b[2J\n") == "too  short [2J");
    CHECK(clean_server_text(std::string(300, 'a')) == std::string(100, 'a'));
    CHECK(clean_server_text(std::string(99, 'a') + "\xc3\xb6") == std::string(99, 'a'));
    CHECK(clean_server_text(std::string_view{"a\0b", 3}) == "a b");
    CHECK(clean_server_text("\r\n") == "");
}

TEST_CASE("what is wrong with a certificate, from GnuTLS and from OpenSSL") {
    const std::map<std::string_view, std::string_view> cases{
        {"TLS: peer cert untrusted or revoked (0x42)\n", "no trusted authority issued it (--ca)"},
        {"TLS: peer cert untrusted or revoked (0x402)\n", "it has expired"},
        {"TLS: peer cert untrusted or revoked (0x202)\n", "it is not valid yet"},
        {"TLS: peer cert untrusted or revoked (0x22)\n", "it was revoked"},
        {"TLS: peer cert untrusted or revoked (0x2)\n", "it is not valid"},
        {"TLS: peer certificate is expired\n", "it has expired"},
        {"TLS: hostname (a) does not match subjectAltName in certificate.\n",
         "it is not for this host name"},
        {"TLS: hostname (a) does not match common name in certificate (b).\n",
         "it is not for this host name"},
        {"error:0A000086:SSL routines::certificate verify failed (certificate has expired)",
         "it has expired"},
        {"error:0A000086:SSL routines::certificate verify failed (self-signed certificate in "
         "certificate chain)",
         "no trusted authority issued it (--ca)"},
        {"certificate verify failed (unable to get local issuer certificate)",
         "no trusted authority issued it (--ca)"},
    };
    for (const auto& [text, words] : cases) {
        CAPTURE(text);
        CHECK(certificate_fault(text) == "the server's certificate: " + std::string{words});
    }
    CHECK(certificate_fault("Connection reset by peer") == "Connection reset by peer");
}
