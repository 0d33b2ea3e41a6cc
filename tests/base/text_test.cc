#include "base/text.hh"

#include "base/fixed_text.hh"
#include "support/program.hh"

#include <doctest/doctest.h>

#include <random>

using namespace poppass;
using namespace poppass::test;

namespace {

// A code point as UTF-8 writes it in `length` bytes, also where RFC 3629 forbids that form.
std::string encoded(unsigned code, std::size_t length) {
    if (length == 1) return {static_cast<char>(code)};
    std::string text(length, '\0');
    for (std::size_t i = length; i-- > 1; code >>= 6u)
        text[i] = static_cast<char>(0x80 | (code & 0x3f));
    text[0] = static_cast<char>((0xf0u << (4 - length) & 0xffu) | code);
    return text;
}

} // namespace

TEST_CASE("a control byte is below space, or DEL") {
    for (int value = 0; value < 256; ++value)
        CHECK(is_control(static_cast<char>(value)) == (value < 32 || value == 127));
}

TEST_CASE("every code point has one form, and a surrogate has none") {
    std::vector<unsigned> wrong;
    for (unsigned code = 0; code <= 0x1fffff; ++code) {
        const bool exists = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        const std::size_t needed = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (std::size_t length = needed; length <= 4; ++length) {
            const std::size_t expected = exists && length == needed ? length : 0;
            if (utf8_length(encoded(code, length) + "\x80z") != expected) wrong.push_back(code);
        }
    }
    CHECK(wrong == std::vector<unsigned>{});
}

TEST_CASE("bytes that are no whole sequence have no length") {
    CHECK(utf8_length("") == 0);
    CHECK(utf8_length(bytes("\0a")) == 1);
    CHECK(utf8_length("\xc3\xa4\xff") == 2);
    for (const std::string_view text :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
          "\xff", "\xc3", "\xe2", "\xe2\x82", "\xf0\x9f", "\xf0\x9f\x94", "\xc3z", "\xe2\x82z",
          "\xf0\x9f\x94z", "\xe2z\xac"}) {
        CAPTURE(text);
        CHECK(utf8_length(text) == 0);
    }
}

TEST_CASE("cutting leaves whole characters") {
    CHECK(cut_utf8("", 0) == "");
    CHECK(cut_utf8("abc", 0) == "");
    CHECK(cut_utf8("abc", 2) == "ab");
    CHECK(cut_utf8("abc", 3) == "abc");
    CHECK(cut_utf8("abc", 4) == "abc");
    const std::string text = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91";
    const std::size_t ends[] = {0, 0, 2, 2, 2, 5, 5, 5, 5, 9, 9};
    for (std::size_t most = 0; most < std::size(ends); ++most)
        CHECK(cut_utf8(text, most) == text.substr(0, ends[most]));
    CHECK(cut_utf8(std::string(10, '\x80'), 5) == ""); // no UTF-8: no byte before the text is read
    CHECK(cut_utf8(std::string(10, '\xff'), 5) == std::string(5, '\xff'));
}

TEST_CASE("trimming takes the spaces at the ends and nothing else") {
    CHECK(trim("") == "");
    CHECK(trim("   ") == "");
    CHECK(trim("a") == "a");
    CHECK(trim("  a  b ") == "a  b");
    CHECK(trim("\ta\n") == "\ta\n");
}

TEST_CASE("text of another program becomes one line") {
    CHECK(one_line("", 10) == "");
    CHECK(one_line("a\tb\r\nc\x7f", 10) == "a b c");
    CHECK(one_line("\r\n a \nb\n\r c\n", 20) == "a b  c");
    CHECK(one_line(bytes("\0a\0\0b\0"), 20) == "a b");
    CHECK(one_line("abc def", 3) == "abc");
    CHECK(one_line("abc def", 4) == "abc");
    CHECK(one_line("a\xe2\x82\xac", 3) == "a");
    CHECK(one_line("a\xe2\x82\xac", 4) == "a\xe2\x82\xac");
    std::mt19937 random{7};
    for (int round = 0; round < 2000; ++round) {
        std::string text(random() % 30, '\0');
        for (char& c : text) c = static_cast<char>(random());
        const auto line = one_line(text, 12);
        REQUIRE(line.size() <= 12);
        for (const char c : line) REQUIRE(!is_control(c));
        REQUIRE(line == trim(line));
    }
}

TEST_CASE("lower and same_but_for_case know the letters of ASCII only") {
    CHECK(lower("") == "");
    CHECK(lower("AZaz@[`{09") == "azaz@[`{09");
    CHECK(lower("\xc3\x84\xc4") == "\xc3\x84\xc4");
    CHECK(same_but_for_case("", ""));
    CHECK(same_but_for_case("NewPass", "newpass"));
    CHECK(same_but_for_case("newpass", "NEWPASS"));
    CHECK_FALSE(same_but_for_case("user", "use"));
    CHECK_FALSE(same_but_for_case("use", "user"));
    CHECK_FALSE(same_but_for_case("\xc3\x84", "\xc3\xa4"));
    for (int one = 0; one < 256; ++one)
        for (int other = 0; other < 256; ++other) {
            const std::string a(1, static_cast<char>(one)), b(1, static_cast<char>(other));
            if (same_but_for_case(a, b) != (lower(a) == lower(b))) FAIL(one, " ", other);
        }
    CHECK_FALSE(same_but_for_case("@", "`"));
    CHECK_FALSE(same_but_for_case("[", "{"));
}

TEST_CASE("text in a table is what it was made of") {
    struct Row {
        FixedText<6> name;
        FixedText<12> usage = {};
    };
    static constexpr char shared[] = "-f FILE";
    static constexpr Row rows[] = {{"five5", {shared, " -x"}}, {"none"}};
    CHECK(rows[0].name == "five5");
    CHECK(rows[0].usage == "-f FILE -x");
    CHECK(std::string{rows[1].name} == "none");
    CHECK(rows[1].usage == "");
    CHECK(rows[1].usage.empty());
    CHECK_FALSE(rows[1].name.empty());
    CHECK_FALSE(rows[1].name == "non");
    CHECK(rows[1].name.c_str()[4] == '\0');
}
