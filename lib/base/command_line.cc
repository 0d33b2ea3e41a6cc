#include "base/command_line.hh"

#include "base/fd.hh"
#include "base/log.hh"
#include "base/secret.hh"

#include <exception>
#include <getopt.h>
#include <unistd.h>

namespace poppass {

namespace {

ExitStatus show(const std::string& text) {
    return write_whole(STDOUT_FILENO, text) ? ExitStatus::accepted : ExitStatus::temporary;
}

} // namespace

Result<void> refuse_set_user_id() {
#ifdef POPPASS_LINUX
    uid_t uid[3];
    gid_t gid[3];
    if (::getresuid(&uid[0], &uid[1], &uid[2]) != 0 || ::getresgid(&gid[0], &gid[1], &gid[2]) != 0)
        return system_trouble("ask for the ids");
    const bool agree = uid[0] == uid[1] && uid[1] == uid[2] && gid[0] == gid[1] && gid[1] == gid[2];
#else
    const bool agree = ::getuid() == ::geteuid() && ::getgid() == ::getegid();
#endif
    if (!agree) return misuse("does not run set-user-ID or set-group-ID: its ids differ");
    return {};
}

Result<void> prepare_program() {
    if (auto done = open_standard_descriptors(); !done) return done;
    if (auto good = refuse_set_user_id(); !good) return good;
    return make_undumpable();
}

int run_program(std::string_view name, const std::function<Result<ExitStatus>()>& body) {
    ExitStatus status = ExitStatus::temporary;
    try {
        const auto prepared = prepare_program();
        const auto result = prepared ? body() : Result<ExitStatus>{prepared.error()};
        if (!result) complain(name, result.error().message());
        status = result ? *result : result.error().status;
    } catch (const std::exception& exception) {
        complain(name, exception.what());
    }
    return static_cast<int>(status);
}

ExitStatus show_usage(std::string_view usage) {
    return show("usage: " + std::string{usage} + "\n");
}

ExitStatus show_version(std::string_view program) {
    return show(std::string{program} + " " POPPASS_VERSION "\n");
}

Error wrong_option(int returned, char* const* argv, std::string_view usage) {
    std::string word{argv[optind - 1]};
    // If the wrong letter stands among others in one word, getopt has not moved past that word, and
    // argv[optind - 1] is the word before it. So the letter comes from optopt. getopt also sets
    // optopt for a long option with a value that it does not take; that word has a `=`.
    if (returned == '?' && optopt != 0 && word.find('=') == word.npos)
        word = {'-', static_cast<char>(optopt)};
    return misuse((returned == ':' ? "no value for the option " : "no such option: ") + word +
                  "; usage: " + std::string{usage});
}

} // namespace poppass
