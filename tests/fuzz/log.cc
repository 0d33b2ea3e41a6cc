// A client's words in a log line: first line of the input, a user's name; the rest, another value.
#include "base/log.hh"

#include "fuzz/target.hh"

#include <cstdlib>
#include <string>

namespace poppass::fuzz {

namespace {

// What the value stands for; it must be a beginning of the original.
void check_value(std::string_view value, std::string_view original) {
    const bool cut = value.size() > 3 && value.ends_with("...") && value != original;
    if (cut) value.remove_suffix(3);
    std::string text;
    while (!value.empty()) {
        if (value.front() != '\\') {
            text += value.front();
            value.remove_prefix(1);
            continue;
        }
        must(value.size() >= 4 && value[1] == 'x', "an escape is whole");
        const std::string digits{value.substr(2, 2)};
        text += static_cast<char>(std::strtoul(digits.c_str(), nullptr, 16));
        value.remove_prefix(4);
    }
    must(cut ? original.starts_with(text) : original == text, "a value can be read back");
}

} // namespace

void try_input(std::string_view input) {
    const std::string_view user = take(input);
    LogLine line;
    line.add("event", "check").add("user", user).add("words", input).add("ip", "192.0.2.1");
    std::string_view text = line.text();
    must(text.size() < LogLine::longest, "a line is short");
    for (const char c : text) must(c >= 0x20 && c < 0x7f, "a line is printable ASCII");
    // As fail2ban and other readers take it apart: no value can forge a word.
    must(take(text, ' ') == "event=check", "the event is first");
    std::string_view word = take(text, ' ');
    must(take(word, '=') == "user", "then the user");
    check_value(word, user);
    word = take(text, ' ');
    must(take(word, '=') == "words", "then the words");
    check_value(word, input);
    must(text == "ip=192.0.2.1", "and the address, which nobody wrote but us");
}

} // namespace poppass::fuzz
