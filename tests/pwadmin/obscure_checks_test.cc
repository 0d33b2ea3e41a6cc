#include "pwadmin/obscure_checks.hh"

#include <doctest/doctest.h>
#include <string>

using namespace poppass;

TEST_CASE("too close to the old password, or too simple for its length") {
    const struct {
        std::string password;
        std::string old;
        std::string reason;
    } cases[] = {
        {"Correct horse", "", ""},
        {"Correct horse", "battery staple", ""},
        {"same old 1", "same old 1", "the old one"},
        {"", "", "the old one"},
        {"abcddcba", "", "palindrome"},
        {"AbcdDcbA1AbcdDcba", "", "palindrome"},
        {"SECRET word", "secret WORD", "case"},
        // Below eight bytes, over half of the old characters.
        {"ab12X!y", "ab12Z?q", "similar"},
        {"ab12X!y", "abPQZ?q", ""},
        {"ab12X!yz", "ab12X!yq", ""},
        // One kind wants eight, two seven, three six, four five.
        {"abcdefg", "", "simple"},
        {"abcdefgh", "", ""},
        {"1234567", "", "simple"},
        {"12345678", "", ""},
        {"abcde1", "", "simple"},
        {"abcdef1", "", ""},
        {"abcD1", "", "simple"},
        {"abcdD1", "", ""},
        {"aD1!", "", "simple"},
        {"aD1!e", "", ""},
        {"\xc3\xa4\xc3\xb6\xc3\xbc", "", "simple"},
        {"1\xc3\xa4\xc3\xb6\xc3\xbc", "", ""},
        {"wordPass", "Password", "rotated"},
        {"ssword1 Pa", "password1 ", "rotated"},
        {"assword1", "Password1", "rotated"},
        {"passwordpasswords", "password", ""},
    };
    for (const auto& [password, old, reason] : cases) {
        CAPTURE(password);
        CAPTURE(old);
        const std::string found{obscure_weakness(password, old)};
        CAPTURE(found);
        CHECK(found.empty() == reason.empty());
        CHECK(found.find(reason) != std::string::npos);
    }
}
