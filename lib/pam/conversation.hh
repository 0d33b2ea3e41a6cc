// Answers the questions of PAM's modules with the passwords of a record. The order of the questions
// decides, because each module has its own wording of the prompts.
#pragma once

#include <security/pam_appl.h>

#include <functional>
#include <string>
#include <string_view>

namespace poppass {

// The call during which a module asks.
enum class PamPhase { authenticate, account, change };

// The content of PAM_OLDAUTHTOK while a module waits for its answer.
enum class OldToken { none, ours, another };

enum class PamAnswer {
    nothing, // no answer is wanted
    old_password,
    new_password,
    end, // end the conversation, so that no module asks again and again
};

// Decides how each question is answered. Pure: it calls no function of libpam and knows no
// passwords.
class PamRules {
public:
    // Starts a phase, and forgets the one before.
    void begin(PamPhase phase);

    // Takes a module's message, of a style of PAM's (PAM_PROMPT_ECHO_OFF, ...).
    //
    // In authentication the one hidden prompt gets the old password. In a change the first hidden
    // prompt gets the old password, and the next two get the new one. Any other prompt ends the
    // conversation. So does an error message after the new password was given, because it is the
    // refusal. An ended conversation stays ended for the phase.
    PamAnswer take(int style, std::string_view text, OldToken token);

    // Ends the conversation of this phase, because of a fault of the modules or the system.
    PamAnswer break_off(std::string_view complaint);

    bool ended() const { return ended_; }
    bool gave_old() const { return given_old_; }
    bool gave_new() const { return given_new_ > 0; }

    // The fault of the modules that ended the conversation, for the log; empty if there was none.
    const std::string& complaint() const { return complaint_; }

    // The first error message of the phase: one line of at most `longest_reason` bytes without
    // control bytes. Empty if there was none, and in authentication.
    const std::string& reason() const { return reason_; }
    static constexpr std::size_t longest_reason = 200;

private:
    PamAnswer take_hidden_prompt(std::string_view text, OldToken token);
    PamAnswer give_old();

    PamPhase phase_ = PamPhase::authenticate;
    bool ended_ = false;
    bool given_old_ = false;
    int given_new_ = 0;
    std::string complaint_;
    std::string reason_;
};

// The conversation function for libpam. The object must not move, and must outlive the PAM handle.
class PamConversation {
public:
    using Trace = std::function<void(std::string_view)>;

    // The passwords are borrowed. The new one is empty if none will be set. `trace` is called with
    // each message and how it was answered, without passwords; it may be empty.
    PamConversation(std::string_view old_password, std::string_view new_password, Trace trace);
    PamConversation(const PamConversation&) = delete;
    PamConversation& operator=(const PamConversation&) = delete;

    // For pam_start.
    pam_conv hooks() { return {&PamConversation::converse, this}; }

    // The handle that pam_start gave: PAM_OLDAUTHTOK is read from it.
    void use(pam_handle_t* handle) { handle_ = handle; }

    void begin(PamPhase phase) { rules_.begin(phase); }
    const PamRules& rules() const { return rules_; }

    // The reason of the rules; empty if it contains one of the passwords.
    std::string_view reason() const { return without_passwords(rules_.reason()); }

private:
    static int converse(int count, const pam_message** messages, pam_response** responses,
                        void* self) noexcept;
    int answer(int count, const pam_message** messages, pam_response* answers, bool room);
    int answer(const pam_message* message, pam_response* into, bool room);
    OldToken old_token() const;
    std::string_view without_passwords(std::string_view text) const;

    const std::string_view old_password_;
    const std::string_view new_password_;
    const Trace trace_;
    pam_handle_t* handle_ = nullptr;
    PamRules rules_;
};

} // namespace poppass
