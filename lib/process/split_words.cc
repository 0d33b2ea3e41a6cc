#include "process/split_words.hh"

namespace poppass {

namespace {

constexpr std::string_view white_space = " \t\n\r\v\f";

// Takes a word with its quotes off the front of `text`, which must begin with one.
Result<std::string> take_word(std::string_view& text) {
    if (text.front() == '$')
        return misuse("variables are not expanded: quote the $, or set the value with envdir");
    std::string word;
    char quote = '\0';
    while (!text.empty()) {
        const char c = text.front();
        if (quote == '\0' && white_space.find(c) != white_space.npos) break;
        text.remove_prefix(1);
        if (c == '\\' && quote != '\'') {
            if (text.empty()) return misuse("a backslash ends it: remove it, or write two");
            const char next = text.front();
            if (quote == '"' && std::string_view{"\"\\$`"}.find(next) == std::string_view::npos) {
                word += c; // before any other character it is a plain one
                continue;
            }
            word += next;
            text.remove_prefix(1);
        } else if (quote != '\0' && c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else {
            word += c;
        }
    }
    if (quote != '\0')
        return misuse(std::string{"a quote ("} + quote + ") is not closed: close it");
    return word;
}

} // namespace

Result<std::vector<std::string>> split_words(std::string_view text) {
    std::vector<std::string> words;
    for (;;) {
        const std::size_t start = text.find_first_not_of(white_space);
        if (start == text.npos) break;
        text.remove_prefix(start);
        auto word = take_word(text);
        if (!word) return word.error();
        words.push_back(std::move(*word));
    }
    if (words.empty()) return misuse("no words in it: name a program");
    return words;
}

} // namespace poppass
