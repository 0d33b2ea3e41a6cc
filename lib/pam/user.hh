// A login and its passwords before PAM: what a checker and a setter do alike.
#pragma once

#include "account/accounts.hh"
#include "pam/options.hh"
#include "pam/session.hh"

#include <optional>
#include <string>
#include <string_view>

namespace poppass {

class PamUser {
public:
    // The passwords are borrowed; the new one is empty where none will be set.
    PamUser(const PamOptions& options, std::string_view login, std::string_view old_password,
            std::string_view new_password, PamConversation::Trace trace);
    PamUser(const PamUser&) = delete;
    PamUser& operator=(const PamUser&) = delete;

    // Authentication, then account management. An account below the least uid is `wrong`, whatever
    // its password, and takes the modules the time of a wrong one. Without `delay`, modules do not
    // make a failure wait.
    Result<PamOutcome> check(const std::optional<std::string>& peer, bool delay);

    // After check() was done or must_change.
    Result<PamOutcome> change() { return session_->change(); }

    // In place of check(), where nobody has a password to show: `wrong` where the name service
    // knows no such account, or it is below the least uid; else `done`, or with `managed` what
    // account management says of it.
    Result<PamOutcome> look_up(const std::optional<std::string>& peer, bool managed);

    // The login, or what the modules made of it.
    const std::string& name() const { return name_; }

    // The account, once checked, as the name service has it; nothing for a user whom only PAM
    // knows.
    const std::optional<Account>& account() const { return account_; }

    // Whether the old password was right, whatever became of the rest.
    bool is_right() const { return right_; }

    // Of the last phase: what the modules say of a refusal, and whether they got the new password.
    std::string_view reason() const { return conversation_ ? conversation_->reason() : ""; }
    bool gave_new() const { return conversation_ && conversation_->rules().gave_new(); }

    // Lets the modules clean up; only name() and account() may follow.
    void end() { session_.reset(); }

private:
    Result<bool> find_account();
    Result<void> start(std::string_view password, const std::optional<std::string>& peer,
                       bool delay);

    const PamOptions& options_;
    std::string name_;
    const std::string_view old_password_;
    const std::string_view new_password_;
    const PamConversation::Trace trace_;
    std::optional<Account> account_;
    std::optional<PamConversation> conversation_;
    std::optional<PamSession> session_;
    bool right_ = false;
};

} // namespace poppass
