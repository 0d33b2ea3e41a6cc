#include "base/withheld.hh"

#include "support/program.hh"

#include <ctime>
#include <doctest/doctest.h>

using namespace poppass;
using namespace poppass::test;

TEST_CASE("a password is found in every form that words can take") {
    struct Case {
        std::string_view text;
        std::string_view password;
        bool told;
    };
    for (const auto& [text, password, told] : {
             Case{"is secret weak?", "secret", true},
             Case{"is Secret weak?", "secret", false},
             Case{"", "secret", false},
             Case{"secret", "", false},
             // Controls and blanks: in the text, in the password, in both.
             Case{"se cret", "secret", true},
             Case{"secret", "se cret", true},
             Case{"se\tcret",
                  "se\x01\x02"
                  "cret",
                  true},
             Case{"se\xc2\x9b"
                  "cret",
                  "secret", true},
             Case{"se\x9b"
                  "cret",
                  "se\xc2\x9b"
                  "cret",
                  true},
             // Escapes, as in our log and of others.
             Case{"se\\x01cret",
                  "se\x01"
                  "cret",
                  true},
             Case{"se\\x20cret", "se cret", true},
             Case{"se\\x5Ccret", "se\\cret", true},
             Case{"\\xd0\\xbf\\xd0\\xb0", "\xd0\xbf\xd0\xb0", true},
             Case{"\xd0\xbf\xd0\xb0", "\xd0\xbf\xd0\xb0", true},
             Case{"\xd0\xbf\xd0\xb1", "\xd0\xbf\xd0\xb0", false},
             Case{"a \\x41 b", "\\x41", true},
             Case{"a \\x4g b", "Kg", false},
             Case{"a \\x4", "\\x4", true},
             // Nothing but blanks, or controls.
             Case{"a b", " ", true},
             Case{"ab", " ", false},
             Case{"a\x01"
                  "b",
                  "\x01", true},
             Case{"ab", "\x01", false},
             // What a cut leaves.
             Case{"bad: long enou", "long enough to see", true},
             Case{"bad: long eno", "long enough to see", false},
             Case{"bad: long enou.", "long enough to see", false},
         }) {
        CAPTURE(std::string{text});
        CAPTURE(std::string{password});
        CHECK(tells(text, password) == told);
        CHECK(for_log(text, {"another", password}) == (told ? withheld : text));
        CHECK(for_log(text, {password, "another"}) == (told ? withheld : text));
    }
    CHECK(for_log("text", {}) == "text");
}

TEST_CASE("a long run of blanks is read only once") {
    for (const std::string_view blank : {" ", "\\x20", "\xc2"}) {
        std::string text;
        while (text.size() < 200'000) text += blank;
        const auto begin = std::clock();
        CHECK(!tells(text, "secret"));
        CHECK(std::clock() - begin < 2 * CLOCKS_PER_SEC); // it took more than a minute
        CHECK(tells(text + "secret", "secret"));
    }
}
