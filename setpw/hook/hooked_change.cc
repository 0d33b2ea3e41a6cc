#include "hook/hooked_change.hh"

#include "base/clock.hh"
#include "base/log.hh"
#include "base/settings.hh"
#include "base/signals.hh"
#include "link/set_reply.hh"

#include <algorithm>
#include <cstring>
#include <unistd.h>

namespace poppass {

namespace {

using How = ChildEnd::How;
using std::chrono::seconds;

// Of a hook, from SIGTERM to SIGKILL. So long after SIGKILL it is not waited for any more.
constexpr seconds grace{1};
// The caller may take a little longer than we do to notice that a hook has ended.
constexpr std::chrono::milliseconds margin{200};
constexpr seconds kill_after_deadline{5}; // poppass kills a chain so long after its time

const std::string not_changed = "the password is not changed (";
constexpr std::string_view if_last = "; if this is the last line of this pid, ";

bool succeeded(const ChildEnd& end) { return end.how == How::exited && end.value == 0; }

// Whether the status is one of those that poppass-chain(7) has for a change that was not made.
bool is_refusal(const ChildEnd& end) {
    return end.how == How::exited && end.value > 0 && end.value <= 100;
}

} // namespace

ExitStatus HookedChange::run() {
    if (hooks_.before) {
        log("--before begins" + std::string{if_last} + "the password is not changed" +
            (hooks_.undo ? ", but run --undo" : ""));
        const ChildEnd end = run_hook(*hooks_.before, time_left(seconds{0}), reason_before_);
        if (!succeeded(end)) return end_before(end);
    }
    const auto end = has_come(held_signals) ? trouble("told to end before the change") : change();
    if (!end) {
        nothing_changed(end.error());
        run_undo(Change::none, end.error().message());
        return end.error().status;
    }
    if (succeeded(*end)) {
        try {
            run_after();
        } catch (const std::bad_alloc&) {
            complain(rest_.program, "the password is changed, but there is no memory for --after");
        }
        return ExitStatus::accepted;
    }
    run_undo(is_refusal(*end) ? Change::none : Change::not_known, "status=" + status_text(*end));
    // As a shell tells it. The front end takes it for an unknown result.
    constexpr int killed = 128;
    return static_cast<ExitStatus>(end->how == How::killed ? killed + end->value : end->value);
}

// The change has not begun, so what is no status of a link is trouble, and no unknown result.
ExitStatus HookedChange::end_before(const ChildEnd& end) {
    const auto status = static_cast<ExitStatus>(end.value);
    const bool answered =
        is_refusal(end) || (end.how == How::exited && status == ExitStatus::temporary);
    const std::string_view line = answered ? reason_before_.line() : std::string_view{};
    if (!line.empty())
        pass_on(line);
    else if (!is_refusal(end))
        nothing_changed(trouble({}));
    const std::string why = "--before ended with status=" + status_text(end);
    if (is_refusal(end) || end.pid == 0) // it has done nothing
        log(not_changed + why + ")");
    else
        run_undo(Change::none, why);
    return answered ? status : ExitStatus::temporary;
}

Result<ChildEnd> HookedChange::change() {
    std::string text = "the change begins";
    text.append(if_last).append("it is not known whether the password is changed");
    if (hooks_.undo) text += "; if the old one holds, run --undo";
    if (hooks_.after) text += "; if the new one holds, run --after";
    log(text);
    if (!copy_.assign({bytes_.view()})) return trouble("the record is too long");
    if (auto done = put_record(copy_); !done) return done.error();
    return run_rest(rest_);
}

// Whatever happens here, the new password holds, and the answer is that it does.
void HookedChange::run_after() {
    if (!hooks_.after) return log("the password is changed");
    log("the password is changed, and --after begins" + std::string{if_last} + "run --after");
    const ChildEnd end = run_hook(*hooks_.after, time_left(seconds{0}), reason_after_);
    log(succeeded(end)
            ? "--after is done"
            : "the password is changed, but --after failed (" + result(end) + "): run --after");
}

void HookedChange::run_undo(Change change, const std::string& why) {
    std::string text =
        change == Change::none ? not_changed : "it is not known whether the password is changed (";
    text += why + ")";
    if (hooks_.undo) {
        log(text + ", and --undo begins" + std::string{if_last} + "run --undo");
        const ChildEnd end = run_hook(
            *hooks_.undo, std::max(seconds{1}, time_left(kill_after_deadline)), reason_after_);
        text += succeeded(end) ? "; --undo is done"
                               : "; --undo failed (" + result(end) + "): run --undo";
    }
    if (change == Change::not_known && (hooks_.undo || hooks_.after)) {
        text += "; if the new one holds, run";
        if (hooks_.undo) text += " --before";
        if (hooks_.undo && hooks_.after) text += " and";
        if (hooks_.after) text += " --after";
    }
    log(text);
}

ChildEnd HookedChange::run_hook(const ChainLine& hook, seconds limit, ReasonReader& reason) {
    if (limit < seconds{1}) return {How::overtime, 0, 0};
    const auto variables = environment_with("USER", record_.login);
    return run_child({.path = hook.path,
                      .argv = hook.argv().data(),
                      .record = &bytes_,
                      .limit = limit,
                      .grace = grace,
                      .output = [&](std::string_view bytes) { reason.take(bytes); },
                      .environment = pointers(variables).data()});
}

// The time for a hook: it must have ended when the chain is told to end, or so much later.
seconds HookedChange::time_left(seconds more) const {
    if (!deadline_) return hooks_.limit;
    const auto left = *deadline_ + more - Clock::now() - 2 * grace - margin;
    return std::min(hooks_.limit, std::chrono::duration_cast<seconds>(left));
}

std::string HookedChange::result(const ChildEnd& end) {
    LogLine line;
    line.add("status", status_text(end));
    const auto words =
        end.how == How::not_started
            ? std::string_view{std::strerror(end.value)}
            : reason_after_.reason_for_log({record_.old_password, record_.new_password});
    if (!words.empty()) line.add("words", words);
    return std::string{line.text()};
}

void HookedChange::log(const std::string& text) const {
    LogLine who;
    who.add("user", record_.login).add("pid", ::getpid());
    complain(rest_.program, std::string{who.text()} + ": " + text);
}

} // namespace poppass
