#include "client/client_session.hh"

#include "link/peer.hh"

#include <algorithm>

namespace poppass {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Meaning meaning_of(Asked asked, char hundreds, std::string_view text) {
    switch (hundreds) {
    case '2': return Meaning::good;
    case '3':
        return asked == Asked::user || asked == Asked::pass ? Meaning::good : Meaning::nonsense;
    case '4': return Meaning::trouble;
    case '5': break;
    default: return Meaning::nonsense;
    }
    // poppass has one code for every failure. These texts say that the password was not to blame.
    const bool trouble = asked == Asked::greeting || text.starts_with("Temporary failure") ||
                         text.starts_with("Result unknown") ||
                         // It takes no more new passwords until the old one is checked again.
                         (asked == Asked::newpass && text.starts_with("Expected: "));
    return trouble ? Meaning::trouble : Meaning::refused;
}

} // namespace

Result<void> make_command(Secret& into, std::string_view verb, std::string_view what,
                          std::string_view argument) {
    into.wipe();
    if (argument.empty()) return misuse(std::string{what} + " is empty");
    if (argument.size() > longest_argument) return misuse(std::string{what} + " is too long");
    if (argument.find_first_of({"\0\r\n", 3}) != argument.npos)
        return misuse(std::string{what} + " holds NUL, CR or LF, which cannot be sent");
    if (!into.assign({verb, " ", argument, "\r\n"})) return trouble("a command does not fit");
    return {};
}

ServerReply judge_reply(Asked asked, std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool has_code = line.size() >= 3 &&
                          std::all_of(line.begin(), line.begin() + 3, is_digit) &&
                          (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!has_code) return {Meaning::nonsense, line};
    const std::string_view text = line.substr(std::min<std::size_t>(line.size(), 4));
    const Meaning meaning = meaning_of(asked, line.front(), text);
    return {meaning, meaning == Meaning::nonsense ? line : text};
}

bool is_readable_by_others(const Connection& connection) {
    const std::string_view proto = connection.proto;
    if (proto.starts_with("SSL") || proto.starts_with("TLS") || connection.has_tls_session)
        return false;
    if (proto == "UNIX" || proto == "IPC") return false;
    return !connection.peer || !is_loopback_address(*connection.peer);
}

} // namespace poppass
