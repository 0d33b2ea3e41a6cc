#include "support/hostile_texts.hh"

#include <utility>

namespace poppass::test {

std::vector<std::string> hostile_texts() {
    const std::vector<std::string> hearts = {
        "' OR '1'='1",
        "\" OR \"1\"=\"1",
        "' OR 1=1 --",
        "'; UPDATE users SET password = 'x'; --",
        "'; DROP TABLE users; --",
        "' UNION SELECT email, password, 0, 0 FROM users --",
        "%",
        "_oe@x.org",
        "joe@x.or_",
        "joe%",
        "\\",
        "\\'",
        "\\' OR 1=1 -- ",
        "''",
        "'",
        "\"",
        "`",
        ";",
        "--",
        "/*",
        "*/",
        ":login",
        ":hash",
        "?",
        "?1",
        "$1",
        "@login",
        "$$",
        "E'\\''",
        "0x6a6f65",
        "char(106)",
        "NULL",
        "0",
        "1 OR 1",
        "\xc2\xa0",
        "\xef\xbc\x87 OR 1=1", // a fullwidth quote
        "\xca\xbc",            // a letter that looks like a quote
        "\xbf\x27 OR 1=1 --",  // the quote of some Chinese encodings
        "\xff\xfe",
        "\xc0\xa7", // an overlong quote
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\x01\x7f\x1b[2J",
        "%s%n%x",
        "${HOME}",
        "$(id)",
        "{PLAIN}old",
        "*"};
    std::vector<std::string> texts;
    for (const auto& heart : hearts)
        for (const auto& [before, after] : {std::pair<std::string, std::string>{"", ""},
                                            {"joe@x.org", ""},
                                            {"", "joe@x.org"},
                                            {"joe", "@x.org"},
                                            {"joe@x.org\n", ""}})
            texts.push_back(before + heart + after);
    for (const std::string more :
         {" joe@x.org", "joe@x.org ", "joe@x.org\t", "joe@x.org\n", "jo\xc3\xab@x.org",
          "joe@x.org.", "joe@x,org", "@x.org", "joe@", "joe", "@", "x.org",
          "\xef\xbd\x8aoe@x.org", // a fullwidth j
          "jo\xcc\x88"
          "e@x.org",
          "joe\xe2\x80\x8b@x.org"})
        texts.push_back(more);
    return texts;
}

} // namespace poppass::test
