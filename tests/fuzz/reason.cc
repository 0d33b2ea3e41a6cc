// What a link wrote, to the words that a client may be shown. First two lines: the session's
// passwords.
#include "monitor/reason.hh"

#include "link/record.hh"
#include "protocol/reply.hh"
#include "fuzz/target.hh"

#include <algorithm>
#include <optional>
#include <string>

namespace poppass::fuzz {

namespace {

// As the client would see it: control bytes are not shown.
std::string visible(std::string_view text) {
    std::string shown{text};
    std::erase_if(shown, [](char c) { return has_control({&c, 1}); });
    return shown;
}

// The first line that has the form of a reply, once what is not shown is gone, without its code.
std::optional<std::string> reply_text(std::string_view output) {
    while (!output.empty()) {
        const std::string line = visible(take(output));
        const auto digit = [&](std::size_t i) { return line[i] >= '0' && line[i] <= '9'; };
        if (line.size() >= 4 && (line[0] == '4' || line[0] == '5') && digit(1) && digit(2) &&
            (line[3] == ' ' || line[3] == '-'))
            return line.substr(4);
    }
    return std::nullopt;
}

// No part of the password is among the words, which begin the text; not even where they were cut.
void check_hidden(const std::string& password, std::string_view text, std::string_view words) {
    if (password.empty() || words.empty()) return;
    must(words.find(password) == words.npos, "no password is shown");
    must(text.find(password) >= words.size(), "nor the beginning of one");
}

std::string password_of(std::string_view line) {
    std::string password{line.substr(0, longest_record)};
    std::erase_if(password, [](char c) { return c == '\0' || c == '\r'; });
    return password;
}

} // namespace

void try_input(std::string_view input) {
    const std::string old_password = password_of(take(input));
    const std::string new_password = password_of(take(input));

    Reason whole;
    whole.take(input);
    const std::string words{whole.words({old_password, new_password})};
    Reason in_bits;
    for (const char c : input) in_bits.take({&c, 1});
    must(in_bits.words({old_password, new_password}) == words,
         "the same, whatever bits it comes in");

    must(words.size() <= longest_words, "words are short");
    must(!has_control(words), "words hold no control bytes");
    const auto text = reply_text(input);
    must(words.empty() || text.has_value(), "words are of a line with a code");
    must(words.empty() || (words.front() != ' ' && words.back() != ' '),
         "words have no blanks around");
    must(!is_utf8(input) || is_utf8(words), "no character is cut");
    if (text) {
        const auto begin = std::min(text->find_first_not_of(' '), text->size());
        const std::string_view shown = std::string_view{*text}.substr(begin);
        must(shown.starts_with(words), "words are the beginning of its text");
        check_hidden(visible(old_password), shown, words);
        check_hidden(visible(new_password), shown, words);
    }

    for (const auto reply : {Reply::change_failed, Reply::change_temporary, Reply::check_temporary,
                             Reply::check_temporary_and_last}) {
        const ReplyLine line{reply, words};
        const std::string_view sent = line.text();
        must(sent.size() < longest_reply && sent.ends_with("\r\n") && sent.starts_with("500 "),
             "the reply is one line, and short");
        must(sent.find(words) != sent.npos, "and has all of the words");
        const ReplyLine whole_line{reply, visible(input)};
        must(whole_line.text().size() < longest_reply && whole_line.text().ends_with("\r\n"),
             "short whatever the words are");
    }
}

} // namespace poppass::fuzz
