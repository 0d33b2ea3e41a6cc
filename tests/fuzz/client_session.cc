// The two ends of the protocol: what poppass-client sends is what poppass understands, and no
// server can make it misunderstand. First line: what was asked, as a number; then the server's
// line; the rest is an argument.
#include "client/client_session.hh"

#include "fuzz/target.hh"
#include "protocol/command.hh"

namespace poppass::fuzz {

void try_input(std::string_view input) {
    const auto asked = static_cast<Asked>(take_number(input) % 5);
    const std::string_view line = take(input);
    const ServerReply reply = judge_reply(asked, line);
    must(is_within(reply.text, line), "the text is the server's");
    if (reply.meaning == Meaning::good) {
        must(line.starts_with('2') || line.starts_with('3'), "only 2xx and 3xx are good");
        must(line.starts_with('2') || asked == Asked::user || asked == Asked::pass,
             "3xx only where a password is asked for");
    }
    if (reply.meaning == Meaning::refused) must(line.starts_with('5'), "only 5xx refuses");

    Secret command{1024};
    const auto made = make_command(command, "newpass", "the new password", input);
    const bool sound = !input.empty() && input.size() <= longest_argument &&
                       input.find_first_of({"\0\r\n", 3}) == input.npos;
    must(static_cast<bool>(made) == sound, "what cannot be sent is misuse");
    if (!made) return must(command.size() == 0, "and nothing of it is left");
    std::string_view sent = command.view();
    const Command understood = parse_command(take(sent), false);
    must(sent.empty() && understood.verb == Verb::newpass && understood.state == Argument::good &&
             understood.argument == input,
         "a command is understood as it was meant");
}

} // namespace poppass::fuzz
