// Answers what PAM's modules ask, from the passwords of a record: by the order of the questions.
// What a module calls its prompts is its own business.
#pragma once

#include <security/pam_appl.h>

#include <functional>
#include <string>
#include <string_view>

namespace poppass {

// The call of the application that a question comes in.
enum class PamPhase { authenticate, account, change };

// What PAM_OLDAUTHTOK holds while a module waits for its answer.
enum class OldToken { none, ours, another };

enum class PamAnswer {
    nothing,      // no answer is wanted
    old_password,
    new_password,
    end,          // break the conversation off, so that no module asks again and again
};

// Decides. Pure: knows neither libpam nor the passwords.
class PamRules {
public:
    // Starts a phase; what the one before heard is forgotten.
    void begin(PamPhase phase);

    // A module's message, of a style of PAM's (PAM_PROMPT_ECHO_OFF, ...).
    //
    // To authenticate, the one hidden prompt is for the password. At a change the first is for the
    // old password and the next two are for the new one. Any other prompt ends the conversation,
    // and so does an error message once the new password was given: it is the refusal. Once it has
    // ended, it stays so for the phase.
    PamAnswer take(int style, std::string_view text, OldToken token);

    // Ends the phase's conversation over what is wrong with the modules or the system.
    PamAnswer break_off(std::string_view complaint);

    bool ended() const { return ended_; }
    bool gave_old() const { return given_old_; }
    bool gave_new() const { return given_new_ > 0; }

    // Why the modules are to blame for the end, for the log; empty where they are not.
    const std::string& complaint() const { return complaint_; }

    // The phase's first error message: one line of at most `longest_reason` bytes without control
    // bytes; empty where there was none, and in authentication.
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

// The conversation as libpam wants it. Must stay where it is, and outlive the PAM handle.
class PamConversation {
public:
    using Trace = std::function<void(std::string_view)>;

    // The passwords are borrowed. The new one is empty where none will be set. `trace` hears of
    // each message and what was answered, without passwords; it may be empty.
    PamConversation(std::string_view old_password, std::string_view new_password, Trace trace);
    PamConversation(const PamConversation&) = delete;
    PamConversation& operator=(const PamConversation&) = delete;

    // For pam_start.
    pam_conv hooks() { return {&PamConversation::converse, this}; }

    // Once pam_start has given one: where PAM_OLDAUTHTOK is read.
    void use(pam_handle_t* handle) { handle_ = handle; }

    void begin(PamPhase phase) { rules_.begin(phase); }
    const PamRules& rules() const { return rules_; }

    // The rules' reason, or nothing where it holds one of the passwords.
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
