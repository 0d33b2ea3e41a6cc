// checkpw-pam: verifies the password of an account of the system, through PAM.

#include "account/nss_accounts.hh"
#include "base/log.hh"
#include "link/check_link.hh"
#include "link/peer.hh"
#include "pam/user.hh"

using namespace poppass;

namespace {

Finding find_out(PamOutcome outcome, bool allow_expired) {
    switch (outcome) {
    case PamOutcome::done: return Finding::right;
    case PamOutcome::must_change: return allow_expired ? Finding::right : Finding::refused;
    case PamOutcome::wrong: return Finding::wrong;
    case PamOutcome::refused: return Finding::refused;
    }
    return Finding::refused;
}

// The user for whom a native chain runs its program.
Result<StoredUser> find_person(const PamUser& user) {
    StoredUser person{.name = user.name()};
    const auto& account = user.account();
    if (!account) return person;
    auto groups = find_nss_groups(*account);
    if (!groups) return groups.error();
    person.ids = UserIds{account->uid, account->gid, std::move(*groups)};
    person.home = account->home;
    person.shell = account->shell.empty() ? "/bin/sh" : account->shell;
    return person;
}

class PamCheckStore final : public CheckStore {
public:
    static constexpr std::string_view name = "checkpw-pam";

    Result<void> take(int option, std::string_view value) override {
        if (option == no_delay_option) delay_ = false;
        return options_.take(option, value);
    }

    Result<void> prepare(bool native) override {
        if (native && !delay_)
            return misuse("--no-delay: a native chain has nothing else that slows guessing, so "
                          "leave it out");
        return options_.check(types);
    }

    Result<Answer> judge(const Question& question) override {
        PamConversation::Trace trace;
        if (options_.debug) trace = [](std::string_view line) { complain(name, line); };
        PamUser user{options_, question.login, question.password, {}, trace};
        const auto peer = find_peer(-1);
        // A user who may not log in still receives mail.
        const auto outcome = question.ask == Ask::password
                                 ? user.check(peer, delay_)
                                 : user.look_up(peer, question.ask == Ask::credentials_lookup);
        if (!outcome) return outcome.error();
        user.end();
        const Finding finding = find_out(*outcome, question.allow_expired);
        if (finding != Finding::right || !question.native)
            return Answer{finding, {}, user.remark()};
        if (question.virtual_uid) return Answer{finding, StoredUser{.name = user.name()}};
        auto person = find_person(user);
        if (!person) return person.error();
        return Answer{finding, std::move(*person)};
    }

    void look_over(Report& report) override { options_.look_over(name, types, report); }

private:
    static constexpr std::string_view types[] = {"auth", "account"}; // of rules

    PamOptions options_;
    bool delay_ = true;
};

} // namespace

int main(int argc, char** argv) { return check_link<PamCheckStore>(argc, argv); }
