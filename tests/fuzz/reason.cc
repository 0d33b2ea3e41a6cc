// The reason that a client may be shown, and what the log gets of it, from what a link wrote. The
// first two lines are the session's passwords.
#include "link/reason.hh"

#include "base/text.hh"
#include "fuzz/target.hh"
#include "link/record.hh"
#include "protocol/reply.hh"

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

// The same for the control characters above ASCII, and their bytes in 8-bit character sets.
std::string without_high_controls(std::string_view text) {
    std::string shown;
    for (std::size_t size = 0; !text.empty(); text.remove_prefix(size)) {
        size = std::max<std::size_t>(utf8_length(text), 1);
        const auto first = static_cast<unsigned char>(text[0]);
        const auto last = static_cast<unsigned char>(text[size - 1]);
        const bool is_control =
            size == 1 ? first >= 0x80 && first < 0xa0 : first == 0xc2 && last < 0xa0;
        if (!is_control) shown.append(text.substr(0, size));
    }
    return shown;
}

// The first line that has the form of a reply, once what is not shown is gone, without its code.
std::optional<std::string> reply_text(std::string_view output) {
    while (!output.empty()) {
        const std::string line = visible(take(output));
        const auto digit = [&](std::size_t i) { return line[i] >= '0' && line[i] <= '9'; };
        if (line.size() >= 4 && (line[0] == '4' || line[0] == '5') && digit(1) && digit(2) &&
            (line[3] == ' ' || line[3] == '-'))
            return without_high_controls(line.substr(4));
    }
    return std::nullopt;
}

// The logged reason, which the text begins with, holds no part of the password, not even where it
// was cut.
void check_hidden(const std::string& password, std::string_view text, std::string_view reason) {
    if (password.empty() || reason.empty()) return;
    must(reason.find(password) == reason.npos, "no password is logged");
    must(text.find(password) >= reason.size(), "nor the beginning of one");
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

    ReasonReader whole;
    whole.take(input);
    const std::string reason{whole.reason()};
    const std::string logged{whole.reason_for_log({old_password, new_password})};
    ReasonReader in_bits;
    for (const char c : input) in_bits.take({&c, 1});
    must(in_bits.reason() == reason, "the same, whatever bits it comes in");
    must(in_bits.reason_for_log({old_password, new_password}) == logged,
         "the same in the log, whatever bits it comes in");
    must(logged == reason || logged == withheld, "the log has the reason, or not");

    must(reason.size() <= longest_reason, "a reason is short");
    must(!has_control(reason), "a reason holds no control bytes");
    const auto text = reply_text(input);
    must(reason.empty() || text.has_value(), "a reason is of a line with a code");
    must(reason.empty() || (reason.front() != ' ' && reason.back() != ' '),
         "a reason has no blanks around it");
    must(!is_utf8(input) || is_utf8(reason), "no character is cut");
    if (text) {
        const auto begin = std::min(text->find_first_not_of(' '), text->size());
        const std::string_view shown = std::string_view{*text}.substr(begin);
        must(shown.starts_with(reason), "a reason is the beginning of its text");
        if (logged != withheld) {
            check_hidden(visible(old_password), shown, logged);
            check_hidden(visible(new_password), shown, logged);
        }
    }

    for (const auto reply : {Reply::change_failed, Reply::change_temporary, Reply::check_temporary,
                             Reply::check_temporary_and_last}) {
        const ReplyLine line{reply, reason};
        const std::string_view sent = line.text();
        must(sent.size() < longest_reply && sent.ends_with("\r\n") && sent.starts_with("500 "),
             "the reply is one line, and short");
        must(sent.find(reason) != sent.npos, "the reply has all of the reason");
        const ReplyLine whole_line{reply, visible(input)};
        must(whole_line.text().size() < longest_reply && whole_line.text().ends_with("\r\n"),
             "the reply is short, whatever the reason is");
    }
}

} // namespace poppass::fuzz
