// poppass-check [--json] HOST CHECKPROGRAM [ARG...]: checks a set-up of poppass, and changes
// nothing. `poppass --check` runs it.
#include "base/fd.hh"
#include "process/child.hh"
#include "setup_check/setup_check.hh"

#include <climits>
#include <exception>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage = "usage: poppass --check [--json] HOST CHECKPROGRAM [ARG...]\n";

// The directory of this program; empty if the system does not tell it.
std::string own_directory() {
    char path[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0 || static_cast<std::size_t>(size) == sizeof path) return {};
    const std::string_view name{path, static_cast<std::size_t>(size)};
    return std::string{name.substr(0, name.rfind('/'))};
}

} // namespace

int main(int argc, char** argv) try {
    if (const auto done = open_standard_descriptors(); !done)
        return static_cast<int>(ExitStatus::temporary);
    const bool json = argc > 1 && std::string_view{argv[1]} == "--json";
    const int host = json ? 2 : 1;
    if (argc < host + 2 || *argv[host] == '-') {
        (void)write_whole(STDERR_FILENO, usage);
        return static_cast<int>(ExitStatus::misused);
    }
    prepare_for_children();
    const Report report = check_setup({argv + host, argv + argc}, own_directory());
    const bool shown =
        static_cast<bool>(write_whole(STDOUT_FILENO, json ? report.as_json() : report.as_text()));
    return shown ? report.exit_status() : static_cast<int>(ExitStatus::temporary);
} catch (const std::exception&) {
    return static_cast<int>(ExitStatus::temporary);
}
