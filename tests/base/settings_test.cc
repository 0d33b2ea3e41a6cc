#include "base/settings.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <cstdint>

using namespace poppass;
using namespace poppass::test;

TEST_CASE("environment: unset, empty and set variables differ") {
    const ScopedVariable unset{"POPPASS_TEST_A", {}};
    const ScopedVariable empty{"POPPASS_TEST_B", ""};
    const ScopedVariable set{"POPPASS_TEST_C", " a=b "};
    CHECK_FALSE(environment("POPPASS_TEST_A"));
    CHECK(environment("POPPASS_TEST_B") == "");
    CHECK(environment("POPPASS_TEST_C") == " a=b ");
}

TEST_CASE("parse_number: whole decimal numbers within bounds") {
    struct Case {
        std::string_view text;
        std::int64_t least;
        std::int64_t most;
        std::int64_t value;
    };
    for (const auto& [text, least, most, value] : {
             Case{"0", 0, 10, 0},
             Case{"10", 0, 10, 10},
             Case{"7", 7, 7, 7},
             Case{"007", 0, 10, 7},
             Case{"00000000000000000000000000000005", 0, 10, 5},
             Case{"9223372036854775807", 0, INT64_MAX, INT64_MAX},
         }) {
        CAPTURE(text);
        const auto number = parse_number("N", text, least, most);
        REQUIRE(number);
        CHECK(*number == value);
    }
}

TEST_CASE("parse_number: anything else is misuse that names the setting and the bounds") {
    for (const std::string& text : {std::string{},
                                    bytes(" "),
                                    bytes(" 5"),
                                    bytes("5 "),
                                    bytes("5\n"),
                                    bytes("\t5"),
                                    bytes("+5"),
                                    bytes("-5"),
                                    bytes("-0"),
                                    bytes("--5"),
                                    bytes("5-"),
                                    bytes("0x5"),
                                    bytes("5e0"),
                                    bytes("5.0"),
                                    bytes("5,0"),
                                    bytes("5s"),
                                    bytes("five"),
                                    bytes("5\0"),
                                    bytes("\0"),
                                    bytes("5\0"
                                          "6"),
                                    bytes("\331\243"),
                                    bytes("inf"),
                                    bytes("nan"),
                                    bytes("'5'"),
                                    bytes("0"),
                                    bytes("11"),
                                    bytes("9223372036854775808"),
                                    bytes("18446744073709551621"),
                                    bytes("99999999999999999999999999999999999999999")}) {
        CAPTURE(text);
        const auto number = parse_number("POPPASS_DELAY", text, 1, 10);
        REQUIRE_FALSE(number);
        CHECK(number.error().status == ExitStatus::misused);
        CHECK(number.error().message() == "POPPASS_DELAY must be a number from 1 to 10");
    }
    // A sign is no digit, also where a number below zero would be allowed.
    CHECK_FALSE(parse_number("N", "-3", -5, 5));
    CHECK_FALSE(parse_number("N", std::string_view{}, -5, 5));
}

TEST_CASE("number_setting: the default where unset, an error where empty or wrong") {
    const char* const name = "POPPASS_TEST_NUMBER";
    const auto read = [&] { return number_setting(name, 5, 0, 60); };
    {
        const ScopedVariable unset{name, {}};
        REQUIRE(read());
        CHECK(*read() == 5);
    }
    {
        const ScopedVariable set{name, "60"};
        REQUIRE(read());
        CHECK(*read() == 60);
    }
    for (const std::string text : {"", "61", "x", "5 "}) {
        CAPTURE(text);
        const ScopedVariable wrong{name, text};
        REQUIRE_FALSE(read());
        CHECK(read().error().status == ExitStatus::misused);
        CHECK(read().error().message() == "POPPASS_TEST_NUMBER must be a number from 0 to 60");
    }
}
