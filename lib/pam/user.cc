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

// Finds the account. False if it is below the least uid.
Result<bool> PamUser::find_account() {
    auto found = find_nss_account(name_);
    if (!found) return found.error();
    account_ = std::move(*found);
    return !account_ || account_->uid >= options_.min_uid;
}

// Takes the name that the user has in the end. `name` is PAM_USER. Another name than the login
// would give one user several logins, and the guard counts each of them alone.
Result<PamOutcome> PamUser::take_name(std::string name) {
    if (name.empty()) return trouble("PAM has no name for the user any more");
    const std::string login = std::exchange(name_, std::move(name));
    if (name_ != login) {
        const auto allowed = find_account();
        if (!allowed) return allowed.error();
        if (!*allowed) return PamOutcome::wrong;
    }
    bool same = same_but_for_case(name_, login);
    if (account_) {
        name_ = account_->name;
        same = same && same_but_for_case(name_, login);
    }
    if (same || options_.renamed) return PamOutcome::done;
    remark_ = "PAM takes the login " + login + " for " + name_ + ": --renamed lets it do so";
    return PamOutcome::refused;
}

Result<void> PamUser::start(std::string_view password, const std::optional<std::string>& peer,
                            bool delay) {
    conversation_.emplace(password, new_password_, trace_);
    session_.emplace(options_.service, *conversation_);
    return session_->start(name_, peer, delay);
}

Result<PamOutcome> PamUser::check(const std::optional<std::string>& peer, bool delay) {
    // No user has an empty name, and modules would ask for another one.
    if (name_.empty()) return PamOutcome::wrong;
    const auto allowed = find_account();
    if (!allowed) return allowed.error();
    if (auto started = start(*allowed ? old_password_ : nobodys_password, peer, delay); !started)
        return started.error();
    const auto right = session_->authenticate();
    if (!right) return right;
    if (!*allowed) return PamOutcome::wrong;
    // Modules refuse an unknown user with different codes.
    if (*right == PamOutcome::refused && !account_) return PamOutcome::wrong;
    if (*right != PamOutcome::done) return right;
    const auto managed = session_->account();
    const auto named = take_name(session_->user());
    if (!named || *named != PamOutcome::done) return named;
    right_ = true;
    return managed;
}

Result<PamOutcome> PamUser::look_up(const std::optional<std::string>& peer, bool managed) {
    const auto allowed = find_account();
    if (!allowed) return allowed.error();
    if (!*allowed || !account_) return PamOutcome::wrong;
    if (!managed) return take_name(name_);
    if (auto started = start({}, peer, false); !started) return started.error();
    const auto outcome = session_->account();
    const auto named = take_name(session_->user());
    return !named || *named != PamOutcome::done ? named : outcome;
}

} // namespace poppass
