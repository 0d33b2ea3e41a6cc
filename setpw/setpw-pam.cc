// setpw-pam: changes the password of an account of the system, through PAM and by all of its rules.

#include "account/nss_accounts.hh"
#include "base/log.hh"
#include "base/settings.hh"
#include "base/signals.hh"
#include "link/peer.hh"
#include "link/set_link.hh"
#include "pam/real_uid.hh"
#include "pam/user.hh"

using namespace poppass;

namespace {

using How = Changed::How;

// Refuses a real uid that others use: any process with the same real uid could stop the change.
Result<void> check_real_uid(uid_t uid) {
    if (uid == 65534) return misuse("--ruid must not be 65534: others use that one");
    const auto network = find_nss_account("poppass");
    if (!network) return network.error();
    if (environment("UID") == std::to_string(uid) || (*network && (*network)->uid == uid))
        return misuse("--ruid must not be the uid of poppass's network side");
    return {};
}

// Gives the reason of the modules, or this text if they give none.
Changed refused_by(const PamUser& user, std::string_view otherwise) {
    const std::string_view reason = user.reason();
    return {How::refused, std::string{reason.empty() ? otherwise : reason}};
}

class PamSetStore final : public SetStore {
public:
    static constexpr std::string_view name = "setpw-pam";

    Result<void> take(int option, std::string_view value) override {
        if (option != ruid_option) return options_.take(option, value);
        const auto number = parse_number("--ruid", value, 1, 4'294'967'294);
        if (!number) return number.error();
        real_uid_ = static_cast<uid_t>(*number);
        return {};
    }

    Result<void> prepare() override {
        if (auto good = check_real_uid(real_uid_); !good) return good;
        return options_.check(types);
    }

    Result<Changed> change(const ChangeRequest& request) override {
        PamConversation::Trace trace;
        if (options_.debug) trace = [](std::string_view line) { complain(name, line); };
        PamUser user{options_, request.login, request.old_password, request.new_password, trace};
        // Some modules do not ask for a password if it is empty, and an empty one is never right.
        const auto checked =
            request.old_password.empty() ? PamOutcome::wrong : user.check(find_peer(-1), true);
        if (!checked) return checked.error();
        switch (*checked) {
        case PamOutcome::done:
        case PamOutcome::must_change: return set(user);
        case PamOutcome::refused:
            return user.is_right()
                       ? refused_by(user, "your account does not allow it")
                       : Changed{How::refused, "old password is incorrect", user.remark()};
        case PamOutcome::wrong: break;
        }
        return Changed{How::wrong, {}, user.remark()};
    }

    void look_over(Report& report) override { options_.look_over(name, types, report); }

private:
    Result<Changed> set(PamUser& user) {
        if (user.account() && user.account()->uid == real_uid_)
            return trouble("the real uid of the change must not be the user's own");
        hold_signals(); // a change that has begun must not be interrupted
        if (auto taken = take_real_uid(real_uid_, user.name()); !taken) return taken.error();
        const auto outcome = user.change();
        if (!outcome && user.gave_new())
            return Changed{How::not_known, {}, outcome.error().message()};
        if (!outcome) return outcome.error();
        if (*outcome == PamOutcome::done) return Changed{How::done};
        return refused_by(user, "the new password was refused");
    }

    static constexpr std::string_view types[] = {"auth", "account", "password"}; // of rules

    PamOptions options_;
    uid_t real_uid_ = 65533;
};

} // namespace

int main(int argc, char** argv) { return set_link<PamSetStore>(argc, argv); }
