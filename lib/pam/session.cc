#include "pam/session.hh"

#include "process/parent_signal.hh"

namespace poppass {

namespace {

#ifdef PAM_FAIL_DELAY
void do_not_wait(int, unsigned, void*) {}

int forbid_delay(pam_handle_t* handle) {
    return ::pam_set_item(handle, PAM_FAIL_DELAY, reinterpret_cast<const void*>(&do_not_wait));
}
#else
int forbid_delay(pam_handle_t*) { return PAM_SUCCESS; }
#endif

} // namespace

std::optional<PamOutcome> judge(PamPhase phase, int code) {
    const bool authenticating = phase == PamPhase::authenticate;
    switch (code) {
    case PAM_SUCCESS: return PamOutcome::done;
    case PAM_NEW_AUTHTOK_REQD:
        return phase == PamPhase::account ? PamOutcome::must_change : PamOutcome::refused;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN: return authenticating ? PamOutcome::wrong : PamOutcome::refused;
    case PAM_PERM_DENIED:
    case PAM_MAXTRIES:
    case PAM_ACCT_EXPIRED:
    case PAM_AUTHTOK_EXPIRED:
    case PAM_CRED_EXPIRED: return PamOutcome::refused;
    case PAM_AUTHTOK_ERR:
    case PAM_AUTHTOK_RECOVERY_ERR:
    case PAM_AUTHTOK_DISABLE_AGING:
        if (phase == PamPhase::change) return PamOutcome::refused;
        return std::nullopt;
    default: return std::nullopt;
    }
}

Result<void> PamSession::start(const std::string& user, const std::optional<std::string>& peer,
                               bool delay) {
    const pam_conv hooks = conversation_.hooks();
    last_code_ = ::pam_start(service_.c_str(), user.c_str(), &hooks, &handle_);
    if (last_code_ != PAM_SUCCESS) {
        handle_ = nullptr;
        return trouble_at("start", ::pam_strerror(nullptr, last_code_));
    }
    conversation_.use(handle_);
    if (peer) last_code_ = ::pam_set_item(handle_, PAM_RHOST, peer->c_str());
    if (!delay && last_code_ == PAM_SUCCESS) last_code_ = forbid_delay(handle_);
    if (last_code_ != PAM_SUCCESS) return trouble_at("start", ::pam_strerror(handle_, last_code_));
    return {};
}

Result<PamOutcome> PamSession::step(PamPhase phase, const char* name, int flags,
                                    int (*call)(pam_handle_t*, int)) {
    conversation_.begin(phase);
    const ParentSignal signal = parent_signal();
    last_code_ = call(handle_, flags);
    // A module that takes other ids for a while has cleared it.
    if (!set_parent_signal(signal)) return system_trouble("set the signal at the parent's end");
    const PamRules& rules = conversation_.rules();
    // The modules did not get the password, so their answer says nothing about it.
    if (last_code_ != PAM_SUCCESS && !rules.complaint().empty())
        return trouble_at(name, rules.complaint());
    if (phase == PamPhase::change && last_code_ != PAM_SUCCESS && rules.ended())
        return PamOutcome::refused;
    const auto outcome = judge(phase, last_code_);
    if (!outcome) return trouble_at(name, ::pam_strerror(handle_, last_code_));
    return *outcome;
}

Result<PamOutcome> PamSession::authenticate() {
    constexpr const char* name = "authentication";
    // Without this flag an empty hash accepts any password.
    auto outcome =
        step(PamPhase::authenticate, name, PAM_DISALLOW_NULL_AUTHTOK, ::pam_authenticate);
    if (outcome && *outcome == PamOutcome::done && !conversation_.rules().gave_old())
        return trouble_at(name, "accepted without a question for the password; the modules (is "
                                "pam_rootok or pam_permit one of them?) would accept any");
    return outcome;
}

Result<PamOutcome> PamSession::account() {
    return step(PamPhase::account, "account management", PAM_DISALLOW_NULL_AUTHTOK,
                ::pam_acct_mgmt);
}

Result<PamOutcome> PamSession::change() {
    constexpr const char* name = "password change";
    // A refusal here is of the new password, and does not help to guess the old one.
    if (const int code = forbid_delay(handle_); code != PAM_SUCCESS)
        return trouble_at(name, ::pam_strerror(handle_, code));
    const std::string before = user();
    auto outcome = step(PamPhase::change, name, 0, ::pam_chauthtok);
    if (user() != before) return trouble_at(name, "a module changed PAM_USER to another name");
    if (outcome && *outcome == PamOutcome::done && !conversation_.rules().gave_new())
        return trouble_at(name, "success without a question for the new password");
    return outcome;
}

std::string PamSession::user() const {
    const void* name = nullptr;
    if (::pam_get_item(handle_, PAM_USER, &name) != PAM_SUCCESS || name == nullptr) return {};
    return static_cast<const char*>(name);
}

void PamSession::end() {
    if (handle_ != nullptr) ::pam_end(handle_, last_code_);
    handle_ = nullptr;
}

Error PamSession::trouble_at(std::string_view step, std::string_view what) const {
    return trouble("PAM service " + service_ + ", " + std::string{step} + ": " + std::string{what});
}

} // namespace poppass
