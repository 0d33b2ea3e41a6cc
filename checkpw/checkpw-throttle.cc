// checkpw-throttle: a guard before any checkpassword chain. It counts the attempt as a failure
// first, and runs the chain then, so that a crash does not give a free guess. It takes the count
// back if the chain's answer says so.

#include "account/login.hh"
#include "base/log.hh"
#include "base/settings.hh"
#include "link/link.hh"
#include "link/native_user.hh"
#include "link/peer.hh"
#include "link/record.hh"
#include "link/rest.hh"
#include "process/program.hh"
#include "throttle/charged_attempt.hh"
#include "throttle/holder.hh"
#include "throttle/native_chain.hh"

#include <csignal>
#include <cstdlib>
#include <getopt.h>
#include <memory>
#include <unistd.h>

using namespace poppass;

namespace {

using Outcome = ChargedAttempt::Outcome;

constexpr std::string_view program = "checkpw-throttle";

struct Options {
    std::string directory = "/var/lib/checkpw-throttle";
    ThrottleLimits limits = {};
    std::vector<AddressRange> spared = {};
    std::string strip = {}; // --strip: a domain, `*` for any; empty: none
    bool native = false;
    bool list = false;
    std::optional<std::string> clear = {};
    std::optional<int> passed = {};
};

Result<void> take_option(Options& options, int c, std::string_view value) {
    if (c == 'd') options.directory = value;
    if (c == native_option) options.native = true;
    if (c == strip_option) {
        if (value.empty()) return misuse("--strip must name a domain, or be *");
        options.strip = value;
    }
    if (c == list_option) options.list = true;
    if (c == clear_option) options.clear = value;
    if (c == 'n') {
        const auto tries = parse_number("-n", value, 1, most_tries);
        if (!tries) return tries.error();
        options.limits.tries = static_cast<std::uint32_t>(*tries);
    }
    if (c == 'w') {
        const auto window = parse_number("-w", value, least_window, most_window);
        if (!window) return window.error();
        options.limits.window = static_cast<Seconds>(*window);
    }
    if (c == 'x') {
        const auto range = AddressRange::parse(value);
        if (!range) return misuse("-x: " + range.error().message());
        options.spared.push_back(*range);
    }
    if (c == passed_option) {
        const auto number = parse_number("--passed", value, 3, 1'000'000);
        if (!number) return number.error();
        options.passed = static_cast<int>(*number);
    }
    return {};
}

LogLine named(const Attempt& attempt) {
    LogLine line;
    return line.add("user", attempt.login).add("ip", attempt.address);
}

// Refuses an attempt over the limit. In a native chain descriptor 1 is the client, who speaks
// another protocol: nothing is written there.
ExitStatus refuse(const Attempt& attempt, Seconds wait, Convention convention) {
    if (convention == Convention::native) {
        complain(program,
                 "too many attempts: " + std::string{named(attempt).add("wait", wait).text()});
    } else {
        std::signal(SIGPIPE, SIG_IGN); // if nobody reads, the status still tells the result
        (void)write_whole(STDOUT_FILENO, "454-Too many attempts, try again in " +
                                             std::to_string(wait) + " seconds (#4.7.0)\r\n");
    }
    return ExitStatus::temporary;
}

// Answers like a chain that refuses the password. Only the log tells the difference.
ExitStatus turn_away(const ChargedAttempt& attempt) {
    complain(program, "the login is under attack, and this address has to wait: " +
                          std::string{named(attempt.who()).text()});
    attempt.wait_like_refusal();
    return ExitStatus::rejected;
}

// The exit status of a fallback chain is its outcome.
Result<ExitStatus> guard_fallback(Chain next, const ChargedAttempt& attempt) {
    sigset_t blocked;
    ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
    const auto end =
        run_rest({.program = program, .next = next, .blocked = blocked, .ends_with_us = true});
    if (!end) {
        attempt.settle(Outcome::not_run);
        return end.error();
    }
    if (end->how != ChildEnd::How::exited) {
        complain(program, "the chain was ended by signal " + std::to_string(end->value));
        return ExitStatus::temporary;
    }
    const auto exit = static_cast<ExitStatus>(end->value);
    if (exit == ExitStatus::accepted)
        attempt.settle(Outcome::right);
    else if (exit == ExitStatus::misused || exit == ExitStatus::temporary)
        attempt.settle(Outcome::trouble);
    else
        attempt.settle(Outcome::refused);
    return exit;
}

// In a native chain only the program that runs last knows the outcome. It tells the holder.
Result<ExitStatus> guard_native(MarkedChain& marked, const ChargedAttempt& attempt) {
    auto end = start_holder(
        [&](bool passed) { attempt.settle(passed ? Outcome::right : Outcome::refused); });
    const Error error = end ? run_next(marked.with_number(end->get())) : end.error();
    attempt.settle(Outcome::not_run);
    return error;
}

// Links run this program again, as another user and in another directory. So its path must be
// absolute.
Result<std::string> own_path(const char* name) {
    const auto found = find_program(name);
    if (!found) return found.error();
    const std::unique_ptr<char, decltype(&std::free)> path{::realpath(found->c_str(), nullptr),
                                                           &std::free};
    if (!path) return system_trouble("find", *found);
    return std::string{path.get()};
}

Result<ExitStatus> guard(const KnownLink& link, const Options& options, Chain next,
                         const char* name) {
    const bool asked = dovecot_lookup() != DovecotLookup::none;
    if (next.empty()) return misuse("nothing to guard; usage: " + usage_of(link));
    const auto convention = choose_convention(next, options.native || environment_is_native());
    if (!convention) return convention.error();
    Result<MarkedChain> marked{MarkedChain{}};
    if (*convention == Convention::native) {
        const auto path = own_path(name);
        if (!path) return path.error();
        marked = MarkedChain::make(next, *path);
        if (!marked) return marked.error();
    }

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_check_record(bytes.view());
    if (!record) return record.error();
    ChargedAttempt attempt{options.directory, options.limits,
                           make_attempt(strip_domain(record->login, options.strip),
                                        find_peer(STDIN_FILENO), options.spared)};
    const bool is_lookup = asked && record->password.empty();
    if (auto done = put_record(bytes); !done) return done.error();
    if (is_lookup) return run_next(next); // without a password it is not a guess

    const auto decision = attempt.charge();
    if (!decision) return decision.error();
    switch (decision->kind) {
    case Decision::Kind::must_wait: return refuse(attempt.who(), decision->wait, *convention);
    case Decision::Kind::turned_away: return turn_away(attempt);
    case Decision::Kind::admitted: break;
    }
    if (*convention == Convention::native) return guard_native(*marked, attempt);
    return guard_fallback(next, attempt);
}

Result<ExitStatus> list(const Options& options) {
    auto state = ThrottleState::open(options.directory);
    if (!state) return state.error();
    std::string text;
    for (const auto& waiting : state->throttle(options.limits).list(state->now())) {
        LogLine line;
        if (waiting.kind != Kind::address) line.add("user", waiting.login);
        if (waiting.kind != Kind::login) line.add("ip", waiting.address);
        line.add("failures", waiting.failures);
        if (waiting.kind == Kind::login)
            line.add("one_in", static_cast<std::int64_t>(waiting.one_in));
        else
            line.add("wait", waiting.wait);
        text.append(line.text()).append("\n");
    }
    if (auto done = write_whole(STDOUT_FILENO, text); !done) return done.error();
    return ExitStatus::accepted;
}

Result<ExitStatus> clear(const Options& options, const std::string& key) {
    auto state = ThrottleState::open(options.directory);
    if (!state) return state.error();
    if (state->throttle(options.limits).clear(key, state->now())) return ExitStatus::accepted;
    return Error{ExitStatus::rejected, "no failures are counted for " + key, 0};
}

Result<ExitStatus> checkpw_throttle(const KnownLink& link, Chain words) {
    Options options;
    const auto read = read_options(link, words, [&](int option, std::string_view value) {
        return take_option(options, option, value);
    });
    if (!read) return read.error();
    if (read->deed == Deed::look_over)
        return look_over(link, [&](Report& report) -> Result<void> {
            look_over_state(options.directory, report);
            return {};
        });
    if (read->deed != Deed::serve) return answer(link, read->deed);
    const Chain next = read->next;
    const int deeds = options.list + options.clear.has_value() + options.passed.has_value();
    if (deeds > 1 || ((options.list || options.clear) && !next.empty()))
        return misuse("--list, --clear and --passed exclude each other, and --list and --clear "
                      "take no chain");
    if (options.passed) {
        if (next.empty()) return misuse("--passed needs a program to run");
        if (auto told = tell_holder(*options.passed); !told) return told.error();
        return run_next(next);
    }
    if (options.list) return list(options);
    if (options.clear) return clear(options, *options.clear);
    return guard(link, options, next, words.front());
}

} // namespace

int main(int argc, char** argv) { return run_link(program, argc, argv, checkpw_throttle); }
