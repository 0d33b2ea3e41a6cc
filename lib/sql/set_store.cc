#include "sql/set_store.hh"

#include "base/log.hh"
#include "base/signals.hh"

#include <thread>

namespace poppass {

namespace {

using How = Changed::How;
using Lock = SqlConnection::Lock;
using Commit = SqlConnection::Commit;

// One change at one server. An error means that nothing was changed there.
class SqlChange {
public:
    SqlChange(std::string_view program, const SqlServers& servers, std::size_t server,
              const ChangeRequest& request)
        : program_(program), servers_(servers), server_(server), request_(request),
          settings_(servers.settings()), values_(servers.values(request.login)) {}

    // All hashes are computed before the transaction begins, so that nobody waits for them. Under
    // the lock the row must still be the same; if it is not, the old password is verified again.
    // It must be the row of the same user: the stored name could find another user's.
    Result<Changed> run() {
        if (auto done = connect(); !done) return done.error();
        auto user = find(Lock::none);
        if (!user) return user.error();
        for (int tries = 0; tries < 20; ++tries) {
            const auto began = Clock::now();
            auto refused = judge(*user);
            if (!refused) return refused.error();
            if (*refused) return std::move(**refused);
            if (auto done = make_hash(**user); !done && done.error().status == ExitStatus::rejected)
                return Changed{How::refused, done.error().what};
            else if (!done)
                return done.error();
            connection_->extend(Clock::now() - began);

            values_.set_login((*user)->login);
            values_.old_hash = (*user)->hash;
            withhold();
            if (auto begun = connection_->begin(); !begun) return begun.error();
            auto locked = find(Lock::rows);
            if (!locked) return locked.error();
            if (*locked == *user) return write(**user);
            if (auto done = connection_->roll_back(); !done) return done.error();
            if (!*locked || (*locked)->login != (*user)->login)
                return trouble("user_query does not find the stored name again");
            user = std::move(locked);
        }
        return trouble("the user's row is changed all the time");
    }

private:
    Result<void> connect() {
        connection_.reset(); // two would take the rights of a file's owner twice
        auto connected = servers_.connect(server_);
        if (!connected) return connected.error();
        connection_ = std::move(*connected);
        withhold();
        return {};
    }

    // Called again whenever the hashes are others.
    void withhold() {
        const auto bare = [](std::string_view hash) { return hash.substr(hash.find('}') + 1); };
        connection_->withhold({request_.old_password, request_.new_password, values_.hash,
                               bare(values_.hash), values_.old_hash, bare(values_.old_hash)});
    }

    Result<std::optional<SqlUser>> find(Lock lock) {
        return find_user(*connection_, settings_, values_, lock);
    }

    // Whether the change is refused. Computes one hash, whether the user exists or not.
    Result<std::optional<Changed>> judge(const std::optional<SqlUser>& user) const {
        if (user && !user->is_named) {
            auto refused = judge(std::nullopt);
            if (refused) (*refused)->log = foreign_row(*user);
            return refused;
        }
        const auto match = match_user(user, servers_.scheme(), request_.old_password);
        if (!match) return match.error();
        if (!user) return std::optional{Changed{How::unknown}};
        if (*match == Match::malformed)
            return std::optional{Changed{How::refused, "old password is incorrect",
                                         "refused: the user's hash is empty or malformed"}};
        if (user->locked)
            return std::optional{Changed{How::refused, *match == Match::yes
                                                           ? "your account is locked"
                                                           : "old password is incorrect"}};
        if (*match != Match::yes) return std::optional{Changed{How::wrong}};
        return std::optional<Changed>{};
    }

    Result<void> make_hash(const SqlUser& user) {
        const Scheme& scheme = scheme_to_write(servers_.scheme());
        const auto old = split_stored(user.hash, servers_.scheme());
        if (!old) return old.error();
        auto made = make_stored(scheme, request_.new_password, old->text);
        if (!made) return made.error();
        using Prefix = SqlSettings::Prefix;
        const bool plain =
            settings_.prefix == Prefix::no ||
            (settings_.prefix == Prefix::keep && !old->prefixed && &scheme == &servers_.scheme());
        values_.hash =
            plain ? *made : "{" + std::string{std::string_view{scheme.name}} + "}" + *made;
        return {};
    }

    // Signals are blocked until the result is known and told.
    Result<Changed> write(const SqlUser& user) {
        const sigset_t signals = hold_signals();
        auto changed = execute(user);
        if (!changed) ::sigprocmask(SIG_SETMASK, &signals, nullptr);
        return changed;
    }

    Result<Changed> execute(const SqlUser& user) {
        for (const SqlStatement& statement : settings_.set_query)
            if (auto done = execute_one(statement); !done) return undo(user, done.error());
        if (auto stored = see_new_hash(user); !stored) return undo(user, stored.error());
        const std::string transaction = connection_->transaction();
        const auto committed = connection_->commit();
        if (committed.how == Commit::done) return Changed{How::done};
        if (committed.how == Commit::rolled_back)
            return undo(user, trouble("the change was not committed: " + committed.words));
        complain(program_, "the answer to the commit is lost: " + committed.words);
        return settle(user, transaction);
    }

    // Nothing is changed, unless a table keeps what was written because it has no transactions. The
    // settings do not always tell the tables: there are views and triggers. So the row tells it. If
    // it cannot be read, the server has ended the transaction with the connection.
    Result<Changed> undo(const SqlUser& user, Error error) {
        const auto now = read_after_error();
        if (!now || (*now && (*now)->login == user.login && (*now)->hash == user.hash))
            return error;
        return Changed{How::not_known,
                       {},
                       "it is not known whether the password is changed, because the row does not "
                       "hold the old hash after an error (has its table no transactions?): " +
                           error.message()};
    }

    // On a new connection, the lock waits for the end of the lost transaction.
    Result<std::optional<SqlUser>> read_after_error() {
        const std::string transaction = connection_->transaction();
        const auto rolled_back = connection_->roll_back();
        if (rolled_back) return find(Lock::none);
        // A server that names transactions has no tables without them.
        if (!transaction.empty()) return rolled_back.error();
        if (auto done = connect(); !done) return done.error();
        if (auto begun = connection_->begin(); !begun) return begun.error();
        return find(Lock::rows);
    }

    Result<void> execute_one(const SqlStatement& statement) {
        const auto count = connection_->execute(statement, values_);
        if (!count) return not_misused(count.error());
        if (statement.has(SqlParameter::hash) && *count != 1)
            return trouble("set_query: the UPDATE of the hash matched " + std::to_string(*count) +
                           " rows");
        return {};
    }

    Result<void> see_new_hash(const SqlUser& user) {
        if (auto done = connection_->do_deferred(); !done) return not_misused(done.error());
        const auto now = find(Lock::rows);
        if (!now) return now.error();
        if (!*now || (*now)->login != user.login || (*now)->hash != values_.hash)
            return trouble("after set_query the row does not hold the new hash; is the column too "
                           "short?");
        return {};
    }

    // In a look-up, a value that does not fit a column means that there is no such user. In a
    // change it is trouble.
    static Error not_misused(Error error) {
        if (error.status == ExitStatus::rejected) error.status = ExitStatus::temporary;
        return error;
    }

    // Finds out on the same server whether the change was made. The server may be starting again.
    Result<Changed> settle(const SqlUser& user, const std::string& transaction) {
        values_.old_hash = values_.hash;
        const auto made = make_hash(user); // for change_again()
        std::string words = made ? "the server does not answer in time" : made.error().what;
        const auto end = Clock::now() + settings_.limit;
        while (made && Clock::now() < end) {
            const auto result = ask_again(user, transaction);
            if (result && *result == Commit::done) return Changed{How::done};
            if (result && *result == Commit::rolled_back)
                return trouble("the change was not committed");
            words = result ? "the row holds neither the old hash nor that of the lost commit"
                           : result.error().message();
            if (result) break;
            std::this_thread::sleep_for(std::chrono::milliseconds{100});
        }
        return Changed{
            How::not_known, {}, "it is not known whether the password is changed: " + words};
    }

    // `lost` means that neither the server nor the row tells it.
    Result<Commit> ask_again(const SqlUser& user, const std::string& transaction) {
        if (auto done = connect(); !done) return done.error();
        const auto told =
            transaction.empty() ? Result<Commit>{Commit::lost} : connection_->settle(transaction);
        if (!told || *told == Commit::rolled_back) return told;
        // With the lock nobody's transaction, not even our lost one, is still at work on the row.
        if (auto begun = connection_->begin(); !begun) return begun.error();
        const auto now = find(Lock::rows);
        if (!now) return now.error();
        if (!*now || (*now)->login != user.login) return Commit::lost;
        if ((*now)->hash == values_.old_hash) return change_again(user);
        const bool old = (*now)->hash == user.hash && *told == Commit::lost;
        return old ? Commit::rolled_back : Commit::lost;
    }

    // The lost commit is on this server, but perhaps not on the one that would take its place: the
    // server may have been started again meanwhile, or its wait for that one was ended. It waits
    // for a later commit, where it has to, if this one writes something. So the hash is replaced by
    // another one of the same password. The other statements were executed with the first one.
    Result<Commit> change_again(const SqlUser& user) {
        for (const SqlStatement& statement : settings_.set_query)
            if (statement.has(SqlParameter::hash))
                if (auto done = execute_one(statement); !done) return done.error();
        if (auto stored = see_new_hash(user); !stored) return stored.error();
        const auto committed = connection_->commit();
        if (committed.how != Commit::done) return trouble(committed.words);
        return Commit::done;
    }

    std::string_view program_;
    const SqlServers& servers_;
    std::size_t server_;
    const ChangeRequest& request_;
    const SqlSettings& settings_;
    SqlValues values_;
    std::unique_ptr<SqlConnection> connection_;
};

} // namespace

Result<Changed> SqlSetStore::change(const ChangeRequest& request) {
    if (!is_sql_login(request.login)) {
        if (auto done = match_nothing(servers_.scheme(), request.old_password); !done)
            return done.error();
        return Changed{How::unknown};
    }
    return servers_.ask_in_turn([&](std::size_t server) {
        return SqlChange{program_, servers_, server, request}.run();
    });
}

} // namespace poppass
