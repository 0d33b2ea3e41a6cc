#include "pwadmin/pwadmin_request.hh"

#include "base/command_line.hh"
#include "base/settings.hh"

#include <getopt.h>

namespace poppass {

const std::string_view pwadmin_usage =
    "pwadmin [-f FILE] [-F shadow|passwd-file] [-m METHOD] [-c COST] [-R ROOT] [-kq] "
    "[--stdin | --generate] [-delu] [-i DAYS] [-n DAYS] [-w DAYS] [-x DAYS] "
    "[--add | --remove | -S [-a]] [USER]";

namespace {

constexpr const char* short_options = ":adehi:kln:qr:R:Suw:x:f:F:m:c:V";
enum : int { add_option = 300, remove_option, generate_option, stdin_option };
constexpr option long_options[] = {
    {"all", no_argument, nullptr, 'a'},
    {"delete", no_argument, nullptr, 'd'},
    {"expire", no_argument, nullptr, 'e'},
    {"help", no_argument, nullptr, 'h'},
    {"inactive", required_argument, nullptr, 'i'},
    {"keep-tokens", no_argument, nullptr, 'k'},
    {"lock", no_argument, nullptr, 'l'},
    {"mindays", required_argument, nullptr, 'n'},
    {"quiet", no_argument, nullptr, 'q'},
    {"repository", required_argument, nullptr, 'r'},
    {"root", required_argument, nullptr, 'R'},
    {"status", no_argument, nullptr, 'S'},
    {"unlock", no_argument, nullptr, 'u'},
    {"warndays", required_argument, nullptr, 'w'},
    {"maxdays", required_argument, nullptr, 'x'},
    {"add", no_argument, nullptr, add_option},
    {"remove", no_argument, nullptr, remove_option},
    {"generate", no_argument, nullptr, generate_option},
    {"stdin", no_argument, nullptr, stdin_option},
    {"version", no_argument, nullptr, 'V'},
    {},
};

// Reads a number of days, or -1. A number that begins with 0 is octal for passwd(1) and decimal for
// people, so it is refused.
Result<void> take_days(char name, std::string_view text, std::optional<Days>& into) {
    const std::string option{'-', name};
    if (text == "-1") {
        into = -1;
        return {};
    }
    if (text.size() > 1 && text.starts_with('0'))
        return misuse(option + " must be a decimal number without a 0 in front");
    const auto days = parse_number(option, text, 0, 999'999'999'999'999'999);
    if (!days) return days.error();
    into = *days;
    return {};
}

// passwd(1) knows the repository "files": the usual file. A path names another file.
Result<void> take_repository(std::string_view value, CredentialOptions& options) {
    if (value == "files") return {};
    if (value.find('/') == value.npos)
        return misuse("-r must be files or the path of a file, with a slash: no repository " +
                      std::string{value});
    options.file = value;
    return {};
}

Result<void> take(int c, std::string_view value, PwadminRequest& request) {
    LineChanges& changes = request.changes;
    switch (c) {
    case 'a': request.all = true; return {};
    case 'd': changes.remove_password = true; return {};
    case 'e': changes.expire = true; return {};
    case 'i': return take_days('i', value, changes.inactive);
    case 'k': request.only_expired = true; return {};
    case 'l': changes.lock = true; return {};
    case 'n': return take_days('n', value, changes.minimum);
    case 'q': request.quiet = true; return {};
    case 'r': return take_repository(value, request.options);
    case 'R': request.root = value; return {};
    case 'S': request.status = true; return {};
    case 'u': changes.unlock = true; return {};
    case 'w': return take_days('w', value, changes.warning);
    case 'x': return take_days('x', value, changes.maximum);
    case add_option: request.add = true; return {};
    case remove_option: request.remove = true; return {};
    case generate_option: request.generate = true; return {};
    case stdin_option: request.from_stdin = true; return {};
    default: return request.options.take(c, value);
    }
}

} // namespace

Result<PwadminRequest> read_command_line(int argc, char** argv) {
    PwadminRequest request;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, short_options, long_options, nullptr)) != -1;) {
        if (c == 'h') request.show = PwadminRequest::Show::usage;
        if (c == 'V') request.show = PwadminRequest::Show::version;
        if (request.show != PwadminRequest::Show::nothing) return request;
        if (c == '?' || c == ':') return wrong_option(c, argv, pwadmin_usage);
        if (auto taken = take(c, optarg == nullptr ? "" : optarg, request); !taken)
            return taken.error();
    }
    if (auto good = request.options.check(); !good) return good.error();
    if (optind < argc) request.user = argv[optind];
    request.names = argc - optind;
    return request;
}

Result<void> check_combination(const PwadminRequest& request) {
    const LineChanges& changes = request.changes;
    const auto wrong = [](std::string_view why) {
        return misuse(std::string{why} + "; usage: " + std::string{pwadmin_usage});
    };
    const bool new_password = request.add || request.from_stdin || request.generate;
    if (request.names > 1) return wrong("more than one USER");
    if (request.all) {
        if (!request.status || request.user || request.wants_master())
            return wrong("-a goes with -S alone, and without a USER");
        return {};
    }
    if (request.status && (request.only_expired || request.wants_master()))
        return wrong("-S goes with no other action");
    if (request.remove && (new_password || request.only_expired || changes.any()))
        return wrong("--remove goes with no other action");
    if (request.only_expired && (request.add || changes.any()))
        return wrong("-k goes with a change of the password alone");
    if (request.from_stdin && request.generate) return wrong("--stdin or --generate, not both");
    if (new_password && (changes.remove_password || changes.unlock))
        return wrong("-d and -u do not go with a new password");
    if (!request.user && (request.add || request.remove || request.generate || changes.any()))
        return wrong("a USER must be named");
    return {};
}

} // namespace poppass
