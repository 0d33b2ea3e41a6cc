#include "pam/user.hh"

#include "account/login.hh"
#include "account/nss_accounts.hh"
#include "base/text.hh"

#include <utility>

namespace poppass {

namespace {

// No client can send it: it holds a line feed.
constexpr std::string_view nobodys_password = "\b\n\r\177INCORRECT";

} // namespace

PamUser::PamUser(const PamOptions& options, std::string_view login, std::string_view old_password,
                 std::string_view new_password, PamConversation::Trace trace)
    : options_(options), name_(strip_domain(login, options.strip)), old_password_(old_password),
      new_password_(new_password), trace_(std::move(trace)) {}

// Finds the account. False if it is below the least uid. False too for a user whom only PAM knows
// by a login that is not plain: modules may compare loosely, and the guard counts each spelling
// alone.
Result<bool> PamUser::find_account() {
    auto found = find_nss_account(name_);
    if (!found) return found.error();
    account_ = std::move(*found);
    if (!account_) return options_.renamed || is_plain_login(name_, false);
    return account_->uid >= options_.min_uid;
}

// Takes the name that the user has in the end. `name` is PAM_USER. False for an account below the
// least uid, and for another name than the login: it would give one user several logins, and the
// guard counts each of them alone.
Result<bool> PamUser::take_name(std::string name) {
    if (name.empty()) return trouble("PAM has no name for the user any more");
    const std::string login = std::exchange(name_, std::move(name));
    if (name_ != login) {
        const auto allowed = find_account();
        if (!allowed || !*allowed) return allowed;
    }
    bool same = same_but_for_case(name_, login);
    if (account_) {
        name_ = account_->name;
        same = same && same_but_for_case(name_, login);
    }
    if (same || options_.renamed) return true;
    remark_ = "PAM takes the login " + login + " for " + name_ + ": --renamed allows this";
    return false;
}

Result<void> PamUser::start(std::string_view password, const std::optional<std::string>& peer,
                            bool delay) {
    end();
    conversation_.emplace(password, new_password_, trace_);
    session_.emplace(options_.service, *conversation_);
    return session_->start(name_, peer, delay);
}

Result<PamOutcome> PamUser::authenticate(std::string_view password,
                                         const std::optional<std::string>& peer, bool delay) {
    if (auto started = start(password, peer, delay); !started) return started.error();
    const auto outcome = session_->authenticate();
    // Modules refuse an unknown user with different codes.
    if (outcome && *outcome == PamOutcome::refused && !account_) return PamOutcome::wrong;
    return outcome;
}

Result<PamOutcome> PamUser::check(const std::optional<std::string>& peer, bool delay) {
    // No user has an empty name, and modules would ask for another one.
    if (name_.empty()) return PamOutcome::wrong;
    const auto allowed = find_account();
    if (!allowed) return allowed.error();
    const auto right = authenticate(*allowed ? old_password_ : nobodys_password, peer, delay);
    if (!right) return right;
    if (!*allowed) return PamOutcome::wrong;
    if (*right != PamOutcome::done) return right;
    const auto managed = session_->account();
    const std::string login = name_;
    const auto account = account_;
    const auto named = take_name(session_->user());
    if (!named) return named.error();
    if (!*named) {
        // Neither the answer nor its time may tell that the password was right.
        name_ = login;
        account_ = account;
        const auto failed = authenticate(nobodys_password, peer, delay);
        return failed && *failed == PamOutcome::done ? PamOutcome::wrong : failed;
    }
    right_ = true;
    return managed;
}

Result<PamOutcome> PamUser::look_up(const std::optional<std::string>& peer, bool managed) {
    const auto allowed = find_account();
    if (!allowed) return allowed.error();
    if (!*allowed || !account_) return PamOutcome::wrong;
    if (managed)
        if (auto started = start({}, peer, false); !started) return started.error();
    const Result<PamOutcome> outcome = managed ? session_->account() : PamOutcome::done;
    const auto named = take_name(managed ? session_->user() : name_);
    if (!named) return named.error();
    return *named ? outcome : PamOutcome::wrong;
}

} // namespace poppass
