// setpw-hook: runs programs of the administrator before and after the rest of a set chain.

#include "base/fd.hh"
#include "base/settings.hh"
#include "base/signals.hh"
#include "hook/hooked_change.hh"
#include "link/link.hh"
#include "link/program_check.hh"
#include "process/program.hh"

#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view program = "setpw-hook";

Result<void> take_hook(std::string_view option, std::string_view text,
                       std::optional<ChainLine>& into) {
    if (into) return misuse(std::string{option} + " is given twice: let one program run both");
    auto line = read_chain_line(option, text);
    if (!line) return line.error();
    into = std::move(*line);
    return {};
}

Result<void> take_option(Hooks& hooks, int option, std::string_view value) {
    if (option == before_option) return take_hook("--before", value, hooks.before);
    if (option == undo_option) return take_hook("--undo", value, hooks.undo);
    if (option == after_option) return take_hook("--after", value, hooks.after);
    const auto limit = parse_number("-t", value, 1, 3600);
    if (!limit) return limit.error();
    hooks.limit = std::chrono::seconds{*limit};
    return {};
}

Result<void> check_hooks(const KnownLink& link, const Hooks& hooks) {
    if (!hooks.before && !hooks.after)
        return misuse("neither --before nor --after; usage: " + usage_of(link));
    if (hooks.undo && !hooks.before) return misuse("--undo without --before has nothing to undo");
    const auto run = number_setting("POPPASS_RUN", 60, 1, 86400);
    if (!run) return run.error();
    const auto longest = hooks.limit * (hooks.before && hooks.after ? 2 : 1);
    // What HookedChange needs to end a hook in time.
    constexpr std::chrono::seconds spare{3};
    if (longest + spare > std::chrono::seconds{*run})
        return misuse("-t: the hooks may take " + std::to_string(longest.count()) +
                      " seconds, and POPPASS_RUN allows the whole chain " + std::to_string(*run) +
                      ": lower -t, or raise POPPASS_RUN");
    return {};
}

void look_over_hooks(const Hooks& hooks, Report& report) {
    constexpr Purpose for_hook{"hooks of a change", for_change.harm};
    ProgramCheck programs{report};
    for (const auto& hook : {hooks.before, hooks.undo, hooks.after})
        if (hook && programs.check(for_hook, hook->words.front()))
            report.ok(hook->words.front(), "can be executed; not looked into");
}

Result<void> check_chain(Chain next) {
    if (next.empty()) return misuse("no program that changes the password");
    if (base_name(next.back()) == "true")
        return misuse("a chain that sets passwords does not end in " + std::string{next.back()});
    // Before a hook runs, because nothing would be changed.
    const auto found = find_program(next.front());
    return found ? Result<void>{} : found.error();
}

Result<ExitStatus> setpw_hook(const KnownLink& link, Chain words) {
    Hooks hooks;
    const auto read = read_options(link, words, [&](int option, std::string_view value) {
        return take_option(hooks, option, value);
    });
    if (!read) return read.error();
    if (read->deed == Deed::help || read->deed == Deed::version) return answer(link, read->deed);
    if (auto good = check_hooks(link, hooks); !good) return good.error();
    if (read->deed == Deed::look_over)
        return look_over(link, [&](Report& report) -> Result<void> {
            look_over_hooks(hooks, report);
            return {};
        });
    if (auto good = check_chain(read->next); !good) return good.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();
    keep_from_programs(4);
    const sigset_t blocked = hold_signals();
    prepare_for_children();
    const Rest rest{
        .program = program, .next = read->next, .blocked = blocked, .ends_with_us = false};
    return HookedChange{hooks, rest, bytes, *record}.run();
}

} // namespace

int main(int argc, char** argv) { return run_link(program, argc, argv, setpw_hook); }
