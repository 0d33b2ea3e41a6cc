// A change of a password, with programs of the administrator before and after it.
#pragma once

#include "link/reason.hh"
#include "link/record.hh"
#include "link/rest.hh"
#include "process/chain_line.hh"

#include <optional>
#include <string>

namespace poppass {

struct Hooks {
    std::optional<ChainLine> before; // runs first, and may refuse the change
    std::optional<ChainLine> undo; // runs if `before` may have done something, and the change fails
    std::optional<ChainLine> after; // runs if the change succeeded
    std::chrono::seconds limit{15}; // for each of them
};

// Runs the hooks and the rest of the chain. Before each step it writes to the log what is to be
// done if this process is killed in that step. Held signals must be blocked: they are remembered.
// No descriptor from 3 on may be open that is not close-on-exec.
class HookedChange {
public:
    // `record` is the content of `bytes`. All must stay as they are.
    HookedChange(const Hooks& hooks, const Rest& rest, const Secret& bytes, const SetRecord& record)
        : hooks_(hooks), rest_(rest), bytes_(bytes), record_(record) {}

    // The answer of the chain, which the user was told.
    ExitStatus run();

private:
    ExitStatus end_before(const ChildEnd& end);
    Result<ChildEnd> change();
    void run_after();
    enum class Change { none, not_known };
    void run_undo(Change change, const std::string& why);

    ChildEnd run_hook(const ChainLine& hook, std::chrono::seconds limit, ReasonReader& reason);
    std::chrono::seconds time_left(std::chrono::seconds more) const;
    std::string result(const ChildEnd& end);
    void log(const std::string& text) const;

    const Hooks& hooks_;
    const Rest& rest_;
    const Secret& bytes_;
    const SetRecord& record_;
    const std::optional<std::chrono::steady_clock::time_point> deadline_ = chain_deadline();
    // All memory that needs much is had before anything is done.
    Secret copy_{longest_record}; // of the record, for the rest
    ReasonReader reason_before_;
    ReasonReader reason_after_; // of `after` or `undo`
};

} // namespace poppass
