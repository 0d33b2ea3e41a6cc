#include "process/split_words.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <random>

using namespace poppass;
using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

} // namespace

TEST_CASE("words, white space and quotes") {
    struct Case {
        std::string text;
        Words words;
    };
    const Case cases[] = {
        {"setpw", {"setpw"}},
        {"setpw /bin/false", {"setpw", "/bin/false"}},
        {" \t\n\r\v\f setpw \t\n\r\v\f -f\t/etc/users\n", {"setpw", "-f", "/etc/users"}},
        {"a 'b c' d", {"a", "b c", "d"}},
        {"a \"b c\" d", {"a", "b c", "d"}},
        {"a b\\ c d", {"a", "b c", "d"}},
        {"a'b'\"c\"d", {"abcd"}},
        {"''", {""}},
        {"\"\"", {""}},
        {"a '' b", {"a", "", "b"}},
        {"a \"\"", {"a", ""}},
        {"''''", {""}},
        {"'\"' \"'\"", {"\"", "'"}},
        {"'a\\b' '\\' 'a\\\\b'", {"a\\b", "\\", "a\\\\b"}},
        {"\"a\\\"b\" \"a\\\\b\" \"a\\$b\" \"a\\`b\"", {"a\"b", "a\\b", "a$b", "a`b"}},
        {"\"a\\b\" \"a\\'b\" \"\\ \"", {"a\\b", "a\\'b", "\\ "}},
        {"\\a \\' \\\" \\\\ \\$", {"a", "'", "\"", "\\", "$"}},
        {"'two\nlines' \"two\nlines\"", {"two\nlines", "two\nlines"}},
        // Nothing is expanded and nothing is special but white space, quotes and backslash.
        {"a;b|c&d<e>f(g) * ? [x] ~ # {a,b} ! `id` =",
         {"a;b|c&d<e>f(g)", "*", "?", "[x]", "~", "#", "{a,b}", "!", "`id`", "="}},
        {"# no comment", {"#", "no", "comment"}},
        {"A=1 setpw", {"A=1", "setpw"}},
        // A dollar that stands elsewhere, or is quoted, is itself.
        {"a$b a$ '$b' \"$b\" \\$b", {"a$b", "a$", "$b", "$b", "$b"}},
        {"\xc3\xa4 \xff\xfe \x01", {"\xc3\xa4", "\xff\xfe", "\x01"}},
        {"\xc2\xa0"
         "a",
         {"\xc2\xa0"
          "a"}}, // a no-break space is no space
        {{"a\0b '\0'", 7}, {{"a\0b", 3}, {"\0", 1}}},
    };
    for (const auto& [text, words] : cases) {
        CAPTURE(text);
        const auto split = split_words(text);
        REQUIRE(split);
        CHECK(*split == words);
    }
}

TEST_CASE("what cannot be split is misuse, and says why") {
    struct Case {
        std::string text;
        std::string why;
    };
    const Case cases[] = {
        {"", "no words"},
        {" \t\n\r\v\f", "no words"},
        {"'", "not closed"},
        {"\"", "not closed"},
        {"setpw 'a b", "not closed"},
        {"setpw \"a b", "not closed"},
        {"setpw 'a\"", "not closed"},
        {"setpw \"a'", "not closed"},
        {"setpw \"a\\\"", "not closed"},
        {"setpw a\\", "backslash"},
        {"\\", "backslash"},
        {"setpw \"\\", "backslash"},
        {"$", "not expanded"},
        {"$setpw", "not expanded"},
        {"${setpw}", "not expanded"},
        {"$(cat /etc/command)", "not expanded"},
        {"setpw -f $FILE", "not expanded"},
        {"setpw 'a' $FILE", "not expanded"},
        {"setpw $", "not expanded"},
        {"$'a'", "not expanded"},
        {"$\"a\"", "not expanded"},
    };
    for (const auto& [text, why] : cases) {
        CAPTURE(text);
        const auto split = split_words(text);
        REQUIRE_FALSE(split);
        CHECK(split.error().status == ExitStatus::misused);
        CHECK(split.error().what.find(why) != std::string::npos);
    }
}

TEST_CASE("words of any bytes survive each kind of quoting") {
    std::mt19937 random{42};
    constexpr std::string_view letters = "ab '\"\\$`\n\t*\x80";
    for (int round = 0; round < 20'000; ++round) {
        Words words(1 + random() % 4);
        std::string single, twofold, plain;
        for (auto& word : words) {
            for (auto n = random() % 8; n > 0; --n) word += letters[random() % letters.size()];
            if (&word != &words[0])
                for (auto* text : {&single, &twofold, &plain}) *text += " ";
            single += "'";
            twofold += "\"";
            if (word.empty()) plain += "''";
            for (const char c : word) {
                single += c == '\'' ? "'\\''" : std::string{c};
                if (std::string_view{"\"\\$`"}.find(c) != std::string_view::npos) twofold += '\\';
                twofold += c;
                plain += '\\';
                plain += c;
            }
            single += "'";
            twofold += "\"";
        }
        for (const auto& text : {single, twofold, plain}) {
            CAPTURE(text);
            const auto split = split_words(text);
            REQUIRE(split);
            REQUIRE(*split == words);
        }
    }
}

TEST_CASE("whatever the text is, it is split or refused") {
    std::mt19937 random{7};
    constexpr std::string_view letters = "a '\"\\$\n";
    int split_count = 0;
    for (int round = 0; round < 100'000; ++round) {
        std::string text;
        for (auto n = random() % 10; n > 0; --n) text += letters[random() % letters.size()];
        const auto split = split_words(text);
        if (!split) continue;
        ++split_count;
        REQUIRE_FALSE(split->empty());
        for (const auto& word : *split) REQUIRE(word.size() <= text.size());
    }
    CHECK(split_count > 1000);
}
