#include "protocol/command.hh"

namespace poppass {

namespace {

bool same_word(std::string_view typed, std::string_view word) {
    if (typed.size() != word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const char c = typed[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != word[i]) return false;
    }
    return true;
}

Verb parse_verb(std::string_view word) {
    if (same_word(word, "user")) return Verb::user;
    if (same_word(word, "pass")) return Verb::pass;
    if (same_word(word, "newpass")) return Verb::newpass;
    if (same_word(word, "quit")) return Verb::quit;
    return Verb::unknown;
}

Argument judge(std::string_view argument, bool cut) {
    if (cut) return Argument::too_long;
    if (argument.empty()) return Argument::empty;
    for (const char c : argument)
        if (c == '\0' || c == '\r') return Argument::forbidden;
    return Argument::good;
}

} // namespace

Command parse_command(std::string_view line, bool cut) {
    if (!cut && !line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::size_t space = line.find(' ');
    const std::string_view argument =
        space == line.npos ? std::string_view{} : line.substr(space + 1);
    return {parse_verb(line.substr(0, space)), judge(argument, cut), argument};
}

} // namespace poppass
