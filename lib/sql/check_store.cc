#include "sql/check_store.hh"

#include "account/login.hh"
#include "account/person.hh"

namespace poppass {

namespace {

bool is_refused(const SqlUser& user, bool allow_expired) {
    return user.locked || (user.expired && !allow_expired);
}

// Computes one hash, whether the user exists or not.
Result<Answer> judge_password(const Question& question, const std::optional<SqlUser>& user,
                              const Scheme& scheme) {
    const auto match = match_user(user, scheme, question.password);
    if (!match) return match.error();
    if (!user) return Answer{Finding::unknown};
    if (*match == Match::malformed)
        return Answer{Finding::refused, {}, "refused: the user's hash is empty or malformed"};
    if (is_refused(*user, question.allow_expired)) return Answer{Finding::refused};
    return Answer{*match == Match::yes ? Finding::right : Finding::wrong};
}

Answer look_up(const Question& question, const std::optional<SqlUser>& user) {
    if (!user) return Answer{Finding::unknown};
    // A user who may not log in still receives mail.
    const bool refused =
        question.ask == Ask::credentials_lookup && is_refused(*user, question.allow_expired);
    return Answer{refused ? Finding::refused : Finding::right};
}

struct Found {
    std::optional<SqlUser> user;
    SqlConnection::Writers writers;
};

Answer refuse(std::string_view why) {
    return {Finding::refused, {}, "refused: " + std::string{why}};
}

// The user for whom a native chain runs its program, under the stored name. The row's ids win where
// they are believed. Without them /etc/passwd tells the ids, unless every user is virtual; a name
// that is not there is a virtual user. Whoever can write the database must not become another
// account by its name.
Result<Answer> find_person(const SqlUser& user, const Question& question,
                           const SqlConnection::Writers& writers, bool row_is_believed) {
    if (!is_user_name(user.login)) return refuse("the stored login cannot be the name of a user");
    StoredUser person{.name = user.login};
    if (row_is_believed) person.home = user.home;
    if (row_is_believed && user.uid) {
        person.ids = UserIds{*user.uid, *user.gid, {*user.gid}};
        return Answer{Finding::right, std::move(person)};
    }
    if (question.virtual_uid) return Answer{Finding::right, std::move(person)};
    const auto account = find_account(user.login);
    if (!account) return account.error();
    if (!*account) return Answer{Finding::right, std::move(person)};
    if (!is_person((*account)->uid))
        return refuse("the name is that of an account of the system, with a uid that is no "
                      "person's");
    if (writers.owner != 0 && writers.owner != (*account)->uid)
        return trouble("become " + user.login +
                       ": the database belongs neither to root nor to that account");
    if (writers.others)
        return trouble("become " + user.login + ": a group can write the database: chmod g-w");
    auto native = native_user(user.login, **account);
    if (!native) return native.error();
    return Answer{Finding::right, std::move(*native)};
}

} // namespace

Result<void> SqlCheckStore::prepare(bool) { return servers_.prepare(SqlPurpose::check); }

Result<Answer> SqlCheckStore::judge(const Question& question) {
    Result<Found> found = Found{};
    if (is_sql_login(question.login))
        found = servers_.ask_in_turn([&](std::size_t server) -> Result<Found> {
            const auto connection = servers_.connect(server);
            if (!connection) return connection.error();
            (*connection)->withhold({question.password});
            auto user = find_user(**connection, servers_.settings(),
                                  servers_.values(question.login), SqlConnection::Lock::none);
            if (!user) return user.error();
            const auto writers = (*connection)->writers();
            if (!writers) return writers.error();
            return Found{std::move(*user), *writers};
        });
    if (!found) return found.error();
    std::string remark;
    if (found->user && !found->user->is_named) {
        remark = foreign_row(*found->user);
        found->user.reset();
    }
    auto answer = question.ask == Ask::password
                      ? judge_password(question, found->user, servers_.scheme())
                      : Result<Answer>{look_up(question, found->user)};
    if (answer) answer->log += remark;
    if (!answer || answer->finding != Finding::right || !question.native) return answer;
    const auto& writers = found->writers;
    return find_person(*found->user, question, writers,
                       servers_.settings().owner_is_root && writers.owner == 0 && !writers.others);
}

} // namespace poppass
