#include "link/set_reply.hh"

#include "base/secret.hh"

#include <csignal>
#include <string>
#include <sys/uio.h>
#include <unistd.h>

namespace poppass {

namespace {

void say(std::string_view code, std::string_view text, std::string_view tag) {
    std::string line;
    // One buffer, so that all of it can be wiped: the text may contain a suggested password.
    line.reserve(code.size() + text.size() + tag.size() + 5);
    line.append(code).append(" ").append(text).append(" (#").append(tag).append(")");
    pass_on(line);
    wipe(line);
}

} // namespace

void pass_on(std::string_view line) {
    char end[] = "\n";
    const iovec parts[] = {{const_cast<char*>(line.data()), line.size()}, {end, 1}};
    // If nobody reads the line, the exit status still tells the result.
    std::signal(SIGPIPE, SIG_IGN);
    (void)!::writev(STDOUT_FILENO, parts, 2);
}

ExitStatus refuse(std::string_view text) {
    say("553", text, "5.7.1");
    return ExitStatus::rejected;
}

Error nothing_changed(Error error) {
    if (error.status == ExitStatus::temporary)
        say("454", "Sorry, there is trouble on the server; nothing was changed", "4.3.0");
    return error;
}

ExitStatus not_known(std::string_view text) {
    say("454", "Sorry, " + std::string{text}, "4.3.0");
    return ExitStatus::temporary;
}

} // namespace poppass
