#include "link/reason.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>

using namespace poppass;
using namespace poppass::test;

namespace {

std::string reason_of(std::string_view output,
                      std::initializer_list<std::string_view> passwords = {},
                      std::size_t piece = 4096) {
    ReasonReader reader;
    while (!output.empty()) {
        reader.take(output.substr(0, piece));
        output.remove_prefix(std::min(piece, output.size()));
    }
    const std::string reason{reader.reason()};
    const std::string logged{reader.reason_for_log(passwords)};
    if (passwords.size() == 0) CHECK(logged == reason);
    if (logged == withheld) return "";
    CHECK(logged == reason);
    return logged;
}

std::string repeat(std::string_view text, std::size_t times) {
    std::string result;
    while (times-- > 0) result += text;
    return result;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text.front());
        const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (text.size() < size) return false;
        text.remove_prefix(size);
    }
    return true;
}

} // namespace

TEST_CASE("the first line with a reply code of 4xx or 5xx, without its code and tag") {
    struct Case {
        std::string output;
        std::string reason;
    };
    const Case cases[] = {
        {"553 Sorry, too short (#5.7.1)\r\n", "Sorry, too short"},
        {"553-Sorry, too short (#5.7.1)\r\n", "Sorry, too short"},
        {"454-Try later (#4.3.0)\n", "Try later"},
        {"454 Try later", "Try later"}, // the last line lacks its end
        {"400 a", "a"},
        {"599 a", "a"},
        {"553 (#5.7.1)\n", ""},
        {"553 \n", ""},
        {"553     \r\n", ""},
        {"553   a   \r\n", "a"},
        {"553-  a", "a"},
        {"553 a (b)\n", "a (b)"},
        {"553 a (#b) c\n", "a (#b) c"}, // no tag: it is not at the end
        {"553 a (#1) (#2)\n", "a (#1)"},
        {"553 a (#5.7.1)   \n", "a"},
        {"553 a(#5.7.1)\n", "a"},
        {"553 a (#\n", "a (#"},
        {"553 )\n", ")"},
        {"553 \xc3\xa4\xff\n", "\xc3\xa4\xff"}, // 8-bit bytes stay as the link wrote them
        // Lines before it and after it do not count.
        {"hello\nBAD PASSWORD: x\n553 a\n554 b\n", "a"},
        {"\n\n\n553 a\n", "a"},
        {"200 fine\n250 fine\n553 a\n", "a"},
        {repeat("noise\n", 10'000) + "553 a\n", "a"},
        {std::string(100'000, 'x') + "\n553 a\n", "a"},
        {"553 a\n" + std::string(100'000, 'x') + "\n554 b\n", "a"},
        // None at all.
        {"", ""},
        {"\n", ""},
        {"553", ""},
        {"553\n", ""},
        {"553\n a", ""},
        {"55 3 a\n", ""},
        {"553a\n", ""},
        {"553_a\n", ""},
        {"553\ta\n", ""},
        {" 553 a\n", ""},
        {"x553 a\n", ""},
        {"300 a\n", ""},
        {"600 a\n", ""},
        {"5x3 a\n", ""},
        {"55x a\n", ""},
        {"5:3 a\n", ""},
        {"5/3 a\n", ""},
        {"\xb5\xb5\xb3 a\n", ""},
        {std::string(100'000, 'x') + "553 a\n", ""}, // within a line
        {std::string(1020, 'x') + "553 a\n", ""},
    };
    for (const auto& [output, reason] : cases) {
        CAPTURE(output.substr(0, 100));
        for (const std::size_t piece : {1, 2, 3, 7, 1023, 1024, 1025, 4096, 1'000'000})
            CHECK(reason_of(output, {}, piece) == reason);
    }
}

TEST_CASE("control bytes are removed") {
    CHECK(reason_of("553 a\tb\x01"
                    "c\x7f"
                    "d\r\x1b[31me\b\n") == "abcd[31me");
    CHECK(reason_of(bytes("553 \0a\0b\0\n")) == "ab");
    CHECK(reason_of("553 \x01 a \x02 (#5.7.1)\x03\r\r\n") == "a");
    std::string all = "553 ";
    for (int c = 0; c < 256; ++c)
        if (c != '\n') all += static_cast<char>(c);
    const auto reason = reason_of(all);
    CHECK(reason.starts_with("!\"#"));
    CHECK(reason.find("}~\xa0") != reason.npos);
    for (const char c : reason) {
        CHECK(static_cast<unsigned char>(c) >= 0x20);
        CHECK(c != 0x7f);
    }
}

TEST_CASE("what a terminal may obey is removed, in both its forms, and no letter is") {
    CHECK(reason_of("553 a\xc2\x9b"
                    "31mb\x9b"
                    "c\xc2\x85") == "a31mbc");
    CHECK(reason_of("553 \xc3\x9b\xe2\x80\x9c \xe9\xa0") == "\xc3\x9b\xe2\x80\x9c \xe9\xa0");
    CHECK(reason_of("553 se\xc2\x9b"
                    "c\x9bret",
                    {"secret"})
              .empty());
}

TEST_CASE("cut at 200 bytes, never within a character of UTF-8") {
    CHECK(reason_of("553 " + std::string(199, 'a')) == std::string(199, 'a'));
    CHECK(reason_of("553 " + std::string(200, 'a')) == std::string(200, 'a'));
    CHECK(reason_of("553 " + std::string(201, 'a')) == std::string(200, 'a'));
    CHECK(reason_of("553 " + std::string(10'000'000, 'a')) == std::string(200, 'a'));
    CHECK(reason_of("553 " + std::string(190, 'a') + " (#5.7.1)") == std::string(190, 'a'));
    for (const std::string letter : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x94\x91"})
        for (std::size_t before = 190; before <= 200; ++before) {
            CAPTURE(before);
            const auto text = std::string(before, 'a') + repeat(letter, 30);
            const auto reason = reason_of("553 " + text);
            CHECK(reason.size() <= 200);
            CHECK(reason.size() > 200 - letter.size());
            CHECK(text.starts_with(reason));
            CHECK(is_utf8(reason));
        }
    // Blanks in front go; what they leave of a long line ends with a whole character, too.
    for (std::size_t blanks = 310; blanks < 510; ++blanks)
        CHECK(is_utf8(reason_of("553 " + std::string(blanks, ' ') + repeat("\xe2\x82\xac", 100))));
    // A text that is not UTF-8 at all does not become too long, and no byte before it is read.
    CHECK(reason_of("553 " + std::string(1000, '\x80')).size() <= 200);
    CHECK(reason_of("553 " + std::string(1000, '\xff')).size() == 200);
    CHECK(reason_of("553 " + std::string(199, 'a') + "      b") == std::string(199, 'a'));
}

TEST_CASE("users read the reason though their password is one of its words") {
    // libpasswdqc's words, and the passwords that they contain.
    for (const std::string_view password :
         {"password", "Weak password: too short", "word", "short", "a", "o", " ", "(#5.7.1)"}) {
        CAPTURE(password);
        ReasonReader reader;
        reader.take("553 Weak password: too short (#5.7.1)\n");
        CHECK(reader.reason() == "Weak password: too short");
        CHECK(reader.reason_for_log({"old", password}) == "withheld");
        CHECK(reader.reason_for_log({password, "new"}) == "withheld");
        CHECK(reader.reason() == "Weak password: too short");
        CHECK(reader.reason_for_log({"old", "new"}) == "Weak password: too short");
    }
    ReasonReader nothing;
    CHECK(nothing.reason_for_log({"a"}) == "");
}

TEST_CASE("the log gets no reason that holds a password, and no other line takes its place") {
    CHECK(reason_of("553 is secret weak?\n", {"secret"}) == "");
    CHECK(reason_of("553 secret\n", {"secret"}) == "");
    CHECK(reason_of("553-secret\n", {"other", "secret"}) == "");
    CHECK(reason_of("553 secret\n", {"secret", "other"}) == "");
    CHECK(reason_of("553 xsecretx (#5.7.1)\n554 harmless\n", {"secret"}) == "");
    CHECK(reason_of("553 Secret\n", {"secret"}) == "Secret");
    CHECK(reason_of("553 secre\n", {"secret"}) == "secre");
    CHECK(reason_of("553 a\n", {""}) == "a"); // an empty one is no password
    CHECK(reason_of("553 a\n", {"", "a"}) == "");
    // The code is not searched for a password. The tag is, and so is the text after the cut.
    CHECK(reason_of("553 bad\n", {"553"}) == "bad");
    CHECK(reason_of("553 bad (#secret)\n", {"secret"}) == "");
    CHECK(reason_of("553 " + std::string(300, 'a') + "secret", {"secret"}) == "");
    const std::string straddles(300, 's');
    CHECK(reason_of("553 " + std::string(150, 'a') + straddles, {straddles}) == "");
    CHECK(reason_of("553 " + std::string(199, 'a') + straddles, {straddles}) == "");
    const std::string longest(506, 's');
    CHECK(reason_of("553 " + std::string(199, 'a') + longest, {longest}) == "");
    // A link may have cut it.
    CHECK(reason_of("553 bad: secretse\n", {"secretsecret"}) == "");
    CHECK(reason_of("553 bad: secrets\n", {"secretsecret"}) == "bad: secrets");
    // With spaces at the ends, which are trimmed from the reason.
    CHECK(reason_of("553  secret \n", {" secret "}) == "");
}

TEST_CASE("control bytes do not hide a password, in the reason or in the password") {
    CHECK(reason_of("553 bad: se\x01"
                    "cret\n",
                    {"secret"}) == "");
    CHECK(reason_of("553 bad: se\x01"
                    "cret\n",
                    {"se\x01"
                     "cret"}) == "");
    CHECK(reason_of("553 bad: secret\n", {"se\x01"
                                          "cret"}) == "");
    CHECK(reason_of("553 bad: s\te\tc\tret\n", {"se\x01"
                                                "cret\x7f"}) == "");
    CHECK(reason_of("553 bad: \x01\x02\n", {"\x01\x02"}) == "bad:"); // nothing of it is left
    CHECK(reason_of(bytes("553 bad: s\0e\0c\0r\0e\0t\0\n"), {"secret"}) == "");
    // However many of them, or of spaces, stand before it.
    for (const std::size_t many : {400, 700, 900, 1000, 1015, 1020, 5000}) {
        CAPTURE(many);
        const std::string secret(100, 's');
        for (const char c : {'\x01', ' '})
            for (const std::string_view begin : {"553 bad: ", "553 "}) {
                const auto reason =
                    reason_of(std::string{begin} + std::string(many, c) + secret + "\n", {secret});
                CHECK(reason.find('s') == reason.npos);
            }
    }
}

TEST_CASE("what blanks, controls and escapes do to a password does not hide it") {
    for (const std::string_view line :
         {"bad: se cr et", "bad: se\x01 cret", "bad: s  ecret", "bad: se\\x01cret",
          "bad: se\\x20cret", "bad: \\x73ecret", "bad: se\\xc2\\x9bcret"})
        for (const std::string_view password : {"secret",
                                                "se\x01"
                                                "cret",
                                                "se cret", " secret\t",
                                                "se\xc2\x9b"
                                                "cret"}) {
            CAPTURE(line);
            CAPTURE(password);
            CHECK(reason_of("553 " + std::string{line} + "\n", {password}) == "");
        }
}

TEST_CASE("memory stays the same, however much is written") {
    ReasonReader reader;
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 64; ++i) reader.take(block);
    reader.take("\n553 at last\n");
    for (int i = 0; i < 64; ++i) reader.take(block);
    CHECK(reader.reason() == "at last");
    CHECK(reader.reason() == "at last");
}

TEST_CASE("whatever a link writes, its reason is short and clean and holds no password") {
    std::mt19937 random{99};
    constexpr std::string_view letters{"553 -(#)ab\n\r\0\t\x80\xc3", 15};
    for (int round = 0; round < 20'000; ++round) {
        std::string output;
        for (auto n = random() % 40; n > 0; --n) output += letters[random() % letters.size()];
        if (random() % 2 == 0) output.insert(0, "553 ");
        if (random() % 16 == 0) output += std::string(random() % 2000, 'a');
        const auto reason = reason_of(output, {"ab", "ba"}, 1 + random() % 50);
        CAPTURE(output);
        REQUIRE(reason.size() <= longest_reason);
        REQUIRE(reason.find("ab") == reason.npos);
        REQUIRE(reason.find("ba") == reason.npos);
        REQUIRE(std::none_of(reason.begin(), reason.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        }));
        REQUIRE((reason.empty() || (reason.front() != ' ' && reason.back() != ' ')));
    }
}
