// poppass-check [--json] HOST CHECKPROGRAM [ARG...]: checks a set-up of poppass, and changes
// nothing. `poppass --check` runs it.
#include "base/command_line.hh"
#include "base/fd.hh"
#include "base/log.hh"
#include "process/child.hh"
#include "process/program.hh"
#include "setup_check/setup_check.hh"

#include <exception>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage = "usage: poppass --check [--json] HOST CHECKPROGRAM [ARG...]\n";

} // namespace

int main(int argc, char** argv) try {
    if (const auto done = open_standard_descriptors(); !done)
        return static_cast<int>(ExitStatus::temporary);
    if (const auto good = refuse_set_user_id(); !good) {
        complain("poppass-check", good.error().message());
        return static_cast<int>(good.error().status);
    }
    const bool json = argc > 1 && std::string_view{argv[1]} == "--json";
    const int host = json ? 2 : 1;
    if (argc < host + 2 || *argv[host] == '-') {
        (void)write_whole(STDERR_FILENO, usage);
        return static_cast<int>(ExitStatus::misused);
    }
    prepare_for_children();
    const std::string own = own_path();
    const Report report = check_setup({argv + host, argv + argc}, own.substr(0, own.rfind('/')));
    const bool shown =
        static_cast<bool>(write_whole(STDOUT_FILENO, json ? report.as_json() : report.as_text()));
    return shown ? report.exit_status() : static_cast<int>(ExitStatus::temporary);
} catch (const std::exception&) {
    return static_cast<int>(ExitStatus::temporary);
}
