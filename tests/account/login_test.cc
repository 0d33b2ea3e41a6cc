#include "account/login.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

using namespace poppass;
using namespace poppass::test;

TEST_CASE("strip_domain") {
    struct Case {
        std::string login, domain, stripped;
    };
    for (const auto& [login, domain, stripped] : {
             Case{"joe@example.org", "example.org", "joe"},
             Case{"joe@EXAMPLE.Org", "example.oRG", "joe"},
             Case{"joe@example.org", "*", "joe"},
             Case{"joe@", "*", "joe"},
             Case{"joe@*", "*", "joe"},
             Case{"a@b@example.org", "example.org", "a@b"},
             Case{"a@b@c", "*", "a@b"},
             Case{bytes("j\0e@example.org"), "example.org", bytes("j\0e")},
             // These stay as they are.
             Case{"joe", "example.org", "joe"},
             Case{"joe", "*", "joe"},
             Case{"", "*", ""},
             Case{"joe@example.org", "", "joe@example.org"},
             Case{"joe@", "", "joe@"},
             Case{"joe@", "example.org", "joe@"},
             Case{"joe@other.org", "example.org", "joe@other.org"},
             Case{"joe@mail.example.org", "example.org", "joe@mail.example.org"},
             Case{"joe@example.org.", "example.org", "joe@example.org."},
             Case{"joe@example.orgx", "example.org", "joe@example.orgx"},
             Case{"joe@xample.org", "example.org", "joe@xample.org"},
             Case{"joe@example.org ", "example.org", "joe@example.org "},
             Case{bytes("joe@example.org\0"), "example.org", bytes("joe@example.org\0")},
             Case{"joe%example.org", "example.org", "joe%example.org"},
             Case{"joe@b@example.net", "b", "joe@b@example.net"},
             Case{"joe@anything", "**", "joe@anything"},
             // This one would become empty.
             Case{"@example.org", "example.org", "@example.org"},
             Case{"@", "*", "@"},
         }) {
        CAPTURE(login);
        CAPTURE(domain);
        CHECK(strip_domain(login, domain) == stripped);
    }
}

TEST_CASE("which logins have only one spelling") {
    for (const std::string login : {"joe", "JOE", "two words", "joe@example.org", "#,+\"\\<>;=~"}) {
        CHECK(is_plain_login(login, false));
        CHECK(is_plain_login(login, true));
    }
    for (const std::string login : {"", " ", " joe", "joe ", "two  words", "a\tb", "a\x7f", "\n"}) {
        CAPTURE(login);
        CHECK_FALSE(is_plain_login(login, false));
        CHECK_FALSE(is_plain_login(login, true));
    }
    for (const std::string login : {"j\xc3\xb6rg", "j\xc3\xb6rg@example.org", "\xef\xbd\x8aoe"}) {
        CHECK_FALSE(is_plain_login(login, false));
        CHECK(is_plain_login(login, true));
    }
    CHECK_FALSE(is_plain_login("joe@\xef\xbd\x8e.example", true));
    CHECK(is_plain_login("j\xc3\xb6rg@home@example.org", true));
}
