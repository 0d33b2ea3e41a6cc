#include "protocol/command.hh"

#include "base/text.hh"

namespace poppass {

namespace {

Verb parse_verb(std::string_view word) {
    if (same_but_for_case(word, "user")) return Verb::user;
    if (same_but_for_case(word, "pass")) return Verb::pass;
    if (same_but_for_case(word, "newpass")) return Verb::newpass;
    if (same_but_for_case(word, "quit")) return Verb::quit;
    return Verb::unknown;
}

Argument argument_state(std::string_view argument, bool cut) {
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
    return {parse_verb(line.substr(0, space)), argument_state(argument, cut), argument};
}

} // namespace poppass
