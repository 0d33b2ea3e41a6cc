// checkpw-ldap: verifies a password against a directory, by binding with it.

#include "account/person.hh"
#include "base/log.hh"
#include "base/withheld.hh"
#include "ldap/directory.hh"
#include "link/check_link.hh"

using namespace poppass;

namespace {

class DirectoryStore final : public CheckStore {
public:
    static constexpr std::string_view name = "checkpw-ldap";

    Result<void> take(int option, std::string_view value) override {
        return options_.take(option, value);
    }

    Result<void> prepare(bool native) override {
        options_.named = native;
        if (auto good = options_.complete(); !good) return good;
        return directory_.prepare();
    }

    Result<Answer> judge(const Question& question) override {
        auto answer = question.ask == Ask::password ? judge_password(question) : look_up(question);
        if (!answer || answer->finding != Finding::right || !question.native) return answer;
        return find_person(question);
    }

    void look_over(Report& report) override { directory_.look_over(report); }

private:
    // Returns what the first server says that is able to answer: `ask` asks one server.
    template <class Ask> auto ask_in_turn(const Question& question, const Ask& ask)
        -> decltype(ask(LdapUri{}, {})) {
        for (const LdapUri& server : options_.servers) {
            auto answer = ask(server, Clock::now() + options_.limit);
            if (answer) return answer;
            // The words of a server may contain the password.
            const std::string words{for_log(answer.error().message(), {question.password})};
            if (answer.error().status != ExitStatus::temporary)
                return Error{answer.error().status, words};
            complain(name, words);
        }
        return trouble("no server of the directory could be asked");
    }

    Result<Answer> judge_password(const Question& question) {
        const auto login =
            ask_in_turn(question, [&](const LdapUri& server, Clock::time_point deadline) {
                return directory_.log_in(server, question.login, question.password, deadline);
            });
        if (!login) return login.error();
        name_ = login->name;
        switch (login->bound.standing) {
        case LdapStanding::accepted: return Answer{Finding::right};
        case LdapStanding::must_change:
            return Answer{question.allow_expired ? Finding::right : Finding::refused};
        case LdapStanding::not_known: return Answer{Finding::wrong};
        case LdapStanding::refused: break;
        }
        const std::string why = "refused: " + login->bound.reason;
        return Answer{Finding::refused, {}, std::string{for_log(why, {question.password})}};
    }

    Result<Answer> look_up(const Question& question) {
        // No server tells whether a user may log in without a password.
        if (question.ask == Ask::credentials_lookup) return Answer{Finding::refused};
        const auto found =
            ask_in_turn(question, [&](const LdapUri& server, Clock::time_point deadline) {
                return directory_.look_up(server, question.login, deadline);
            });
        if (!found) return found.error();
        if (*found) name_ = (*found)->name;
        return Answer{*found ? Finding::right : Finding::unknown};
    }

    static Answer refuse(std::string why) {
        return {Finding::refused, {}, "refused: " + std::move(why)};
    }

    // The user for whom a native chain runs its program. The user's name is the one that the
    // directory has, because the directory may accept many other forms of it as a login.
    // /etc/passwd tells the user's ids; a name that is not there is a virtual user. A user of the
    // directory must not become an account of the system.
    Result<Answer> find_person(const Question& question) const {
        const std::string user = name_.value_or(std::string{question.login});
        const auto account = question.virtual_uid ? Result<std::optional<Account>>{std::nullopt}
                                                  : find_account(user);
        if (!account) return account.error();
        if (!name_ && !*account)
            return refuse("the server does not tell the user's name, or it is one that no user may "
                          "have, and no account of the system has the login as its name");
        if (!*account) return Answer{Finding::right, StoredUser{.name = user}};
        if (!is_person((*account)->uid))
            return refuse("the name is that of an account of the system, with a uid that is no "
                          "person's");
        auto person = native_user(user, **account);
        if (!person) return person.error();
        return Answer{Finding::right, std::move(*person)};
    }

    std::optional<std::string> name_; // the user's, in the directory
    LdapOptions options_;
    LdapDirectory directory_{options_};
};

} // namespace

int main(int argc, char** argv) { return check_link<DirectoryStore>(argc, argv); }
