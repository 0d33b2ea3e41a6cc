// What check links and set links of PAM do alike with a login and its passwords.
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
    // The passwords are borrowed. The new one is empty if none will be set.
    PamUser(const PamOptions& options, std::string_view login, std::string_view old_password,
            std::string_view new_password, PamConversation::Trace trace);
    PamUser(const PamUser&) = delete;
    PamUser& operator=(const PamUser&) = delete;

    // Authentication, then account management. An account below the least uid is `wrong`, whatever
    // the password, and takes as long as a wrong password; so is, without --renamed, a user without
    // an account whose login is not plain. Where the modules or the name service give the user a
    // name that differs from the login by more than the case of ASCII letters, and --renamed does
    // not allow it, or the name of such an account, the result and its delay are those of a wrong
    // password. Without `delay`, modules do not delay the answer after a failure.
    Result<PamOutcome> check(const std::optional<std::string>& peer, bool delay);

    // Only after check() returned done or must_change.
    Result<PamOutcome> change() { return session_->change(); }

    // In the place of check(), for a look-up without a password. It is `wrong` if the name service
    // has no such account or the account is below the least uid. Else it is `done`; with `managed`
    // it is the result of account management.
    Result<PamOutcome> look_up(const std::optional<std::string>& peer, bool managed);

    // Before a check and after one that failed, the login; else the name of the account, or
    // PAM_USER if there is none.
    const std::string& name() const { return name_; }

    // Why the name was refused, for the log; empty if it was not.
    const std::string& remark() const { return remark_; }

    // After a check: the account in the name service. Nothing for a user whom only PAM knows.
    const std::optional<Account>& account() const { return account_; }

    // Whether the old password was right, even if account management refused the user.
    bool is_right() const { return right_; }

    // About the last phase: the reason that the modules gave for a refusal, and whether they got
    // the new password.
    std::string_view reason() const { return conversation_ ? conversation_->reason() : ""; }
    bool gave_new() const { return conversation_ && conversation_->rules().gave_new(); }

    // Ends the PAM transaction. Only name() and account() may follow.
    void end() { session_.reset(); }

private:
    Result<bool> find_account();
    Result<bool> take_name(std::string name);
    Result<void> start(std::string_view password, const std::optional<std::string>& peer,
                       bool delay);
    Result<PamOutcome> authenticate(std::string_view password,
                                    const std::optional<std::string>& peer, bool delay);

    const PamOptions& options_;
    std::string name_;
    std::string remark_;
    const std::string_view old_password_;
    const std::string_view new_password_;
    const PamConversation::Trace trace_;
    std::optional<Account> account_;
    std::optional<PamConversation> conversation_;
    std::optional<PamSession> session_;
    bool right_ = false;
};

} // namespace poppass
