// One user's dealings with PAM, step by step; a checker takes the first two, a setter all three.
#pragma once

#include "pam/conversation.hh"
#include "base/result.hh"

#include <optional>
#include <string>

namespace poppass {

// What a step came to. Trouble of modules or system is an Error that names service and step.
enum class PamOutcome {
    done,
    must_change, // account: the password must be changed first
    wrong,       // authenticate: the user is unknown, or the password wrong
    refused,
};

// What a code that PAM returned from a phase means; nothing where it is trouble. Pure.
std::optional<PamOutcome> judge(PamPhase phase, int code);

class PamSession {
public:
    // The conversation is borrowed.
    PamSession(std::string service, PamConversation& conversation)
        : service_(std::move(service)), conversation_(conversation) {}
    PamSession(const PamSession&) = delete;
    PamSession& operator=(const PamSession&) = delete;
    ~PamSession() { end(); }

    // Before any step. Without `delay`, modules do not make a failure wait.
    Result<void> start(const std::string& user, const std::optional<std::string>& peer, bool delay);

    // An acceptance by modules that never asked for the password is trouble: it would be one of any
    // password.
    Result<PamOutcome> authenticate();

    Result<PamOutcome> account();

    // A change that modules made without having asked for the new password is trouble. A refusal
    // does not wait.
    Result<PamOutcome> change();

    // The user as the modules know it by now; some map a login to another account.
    std::string user() const;

    // Lets the modules clean up; nothing may follow.
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
