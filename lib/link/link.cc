#include "link/link.hh"

#include "base/command_line.hh"
#include "base/fd.hh"

#include <unistd.h>

namespace poppass {

int run_link(std::string_view name, int argc, char** argv,
             Result<ExitStatus> (*body)(const KnownLink& link, Chain words)) {
    return run_program(name, [&] {
        return body(*find_known_link(name), {argv, static_cast<std::size_t>(argc)});
    });
}

ExitStatus answer(const KnownLink& link, Deed deed) {
    return deed == Deed::version ? show_version(link.name) : show_usage(usage_of(link));
}

Result<ExitStatus> look_over(const KnownLink& link,
                             const std::function<Result<void>(Report&)>& look) {
    Report report;
    if (auto looked = look(report); !looked) report.fail(link.name, looked.error().message());
    if (auto done = write_whole(STDOUT_FILENO, report.as_json()); !done) return done.error();
    return static_cast<ExitStatus>(report.exit_status());
}

} // namespace poppass
