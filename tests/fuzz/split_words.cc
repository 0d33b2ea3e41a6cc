// PASSWORD_COMMAND to words: what is accepted means the same however it is quoted, and lines with
// words that are quoted in three ways come back as those words.
#include "process/split_words.hh"

#include "fuzz/target.hh"

#include <algorithm>

namespace poppass::fuzz {

namespace {

using Words = std::vector<std::string>;

constexpr std::string_view white_space = " \t\n\r\v\f";

std::string in_single_quotes(std::string_view word) {
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return quoted + "'";
}

std::string in_double_quotes(std::string_view word) {
    std::string quoted = "\"";
    for (const char c : word) {
        if (std::string_view{"\"\\$`"}.find(c) != std::string_view::npos) quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

std::string with_backslashes(std::string_view word) {
    if (word.empty()) return "''";
    std::string quoted;
    for (const char c : word) quoted.append({'\\', c});
    return quoted;
}

template <class Quote> void check_quoted(const Words& words, Quote quote) {
    std::string line;
    for (const auto& word : words) line.append(" ").append(quote(word));
    const auto split = split_words(line);
    must(static_cast<bool>(split), "quoted words are accepted");
    must(*split == words, "and come back as they were");
}

void check_words(const Words& words) {
    check_quoted(words, in_single_quotes);
    check_quoted(words, in_double_quotes);
    check_quoted(words, with_backslashes);
}

// Where there is nothing to quote with, words are what stands between white space.
void check_plain(std::string_view text, const Result<Words>& split) {
    Words words;
    bool variable = false;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(white_space), text.size());
        if (end > 0) words.emplace_back(text.substr(0, end));
        if (end > 0 && text.front() == '$') variable = true;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    must(static_cast<bool>(split) == (!variable && !words.empty()),
         "without quotes only a variable or no words at all are misuse");
    if (split) must(*split == words, "and words are what stands between white space");
}

} // namespace

void try_input(std::string_view input) {
    const auto split = split_words(input);
    if (input.find_first_of("'\"\\") == input.npos) check_plain(input, split);
    if (split) {
        must(!split->empty(), "there are words in it");
        std::size_t size = 0;
        for (const auto& word : *split) size += word.size();
        must(size <= input.size(), "nothing is added");
        check_words(*split);
    } else {
        must(split.error().status == ExitStatus::misused, "anything else is misuse");
    }
    Words words;
    do words.emplace_back(take(input));
    while (!input.empty());
    check_words(words);
}

} // namespace poppass::fuzz
