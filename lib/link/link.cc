#include "link/link.hh"

#include "base/command_line.hh"
#include "base/fd.hh"

#include <unistd.h>

namespace poppass {

int run_link(std::string_view name, int argc, char** argv,
             Result<ExitStatus> (*body)(const KnownLink& link, Chain words)) {
    return run_program(name, [&]() -> Result<ExitStatus> {
        const KnownLink& link = *find_known_link(name);
        const Chain words{argv, static_cast<std::size_t>(argc)};
        auto done = body(link, words);
        if (done || words.size() < 2 || std::string_view{words[1]} != "--check") return done;
        return look_over(link, [&](Report&) -> Result<void> { return done.error(); });
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
