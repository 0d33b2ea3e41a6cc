#include "pam/user.hh"

#include "account/login.hh"
#include "account/nss_accounts.hh"

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
    if (std::string mapped = session_->user(); mapped != name_) {
        name_ = std::move(mapped);
        const auto mapped_allowed = find_account();
        if (!mapped_allowed) return mapped_allowed.error();
        if (!*mapped_allowed) return PamOutcome::wrong;
    }
    right_ = true;
    return session_->account();
}

Result<PamOutcome> PamUser::look_up(const std::optional<std::string>& peer, bool managed) {
    const auto allowed = find_account();
    if (!allowed) return allowed.error();
    if (!*allowed || !account_) return PamOutcome::wrong;
    if (!managed) return PamOutcome::done;
    if (auto started = start({}, peer, false); !started) return started.error();
    return session_->account();
}

} // namespace poppass
