#include "link/words.hh"

#include "base/secret.hh"

#include <csignal>
#include <string>
#include <unistd.h>

namespace poppass {

namespace {

void say(std::string_view code, std::string_view words, std::string_view tag) {
    std::string line;
    line.reserve(code.size() + words.size() + tag.size() + 6); // one buffer, to be cleared
    line.append(code).append(" ").append(words).append(" (#").append(tag).append(")\n");
    // Nobody may be listening; the status says it all the same.
    std::signal(SIGPIPE, SIG_IGN);
    (void)!::write(STDOUT_FILENO, line.data(), line.size());
    wipe(line); // it may offer a password
}

} // namespace

ExitStatus refuse(std::string_view words) {
    say("553", words, "5.7.1");
    return ExitStatus::rejected;
}

Error fail(Error error, std::string_view words) {
    if (error.status == ExitStatus::temporary) say("454", words, "4.3.0");
    return error;
}

} // namespace poppass
