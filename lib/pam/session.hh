// PAM's steps for one user: a check link takes the first two, a set link all three.
#pragma once

#include "base/result.hh"
#include "pam/conversation.hh"

#include <optional>
#include <string>

namespace poppass {

// The result of a step. A fault of the modules or of the system is an Error that names service and
// step.
enum class PamOutcome {
    done,
    must_change, // account: the password must be changed first
    wrong,       // authenticate: the user is unknown, or the password wrong
    refused,
};

// What PAM's return code means in this phase; nothing if it is trouble. Pure.
std::optional<PamOutcome> judge(PamPhase phase, int code);

class PamSession {
public:
    // The conversation is borrowed.
    PamSession(std::string service, PamConversation& conversation)
        : service_(std::move(service)), conversation_(conversation) {}
    PamSession(const PamSession&) = delete;
    PamSession& operator=(const PamSession&) = delete;
    ~PamSession() { end(); }

    // Called first. Without `delay`, modules do not delay the answer after a failure.
    Result<void> start(const std::string& user, const std::optional<std::string>& peer, bool delay);

    // If the modules accept without having asked for the password, it is trouble: they would accept
    // any password.
    Result<PamOutcome> authenticate();

    Result<PamOutcome> account();

    // If the modules make a change without having asked for the new password, it is trouble; so it
    // is if PAM_USER is another one afterwards. A refusal is not delayed.
    Result<PamOutcome> change();

    // The name that PAM has for the user now: some modules map a login to another account.
    std::string user() const;

    // Ends the PAM transaction, so that modules clean up. No other call may follow.
    void end();

private:
    Result<PamOutcome> step(PamPhase phase, const char* name, int flags,
                            int (*call)(pam_handle_t*, int));
    Error trouble_at(std::string_view step, std::string_view what) const;

    const std::string service_;
    PamConversation& conversation_;
    pam_handle_t* handle_ = nullptr;
    int last_code_ = PAM_SUCCESS;
};

} // namespace poppass
