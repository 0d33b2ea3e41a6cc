// setpw-ldap: changes a password in a directory, logged in as the user whose password it is.

#include "base/log.hh"
#include "base/signals.hh"
#include "base/withheld.hh"
#include "ldap/directory.hh"
#include "link/set_link.hh"

#include <algorithm>
#include <thread>

using namespace poppass;

namespace {

using How = Changed::How;

constexpr std::string_view program = "setpw-ldap";

// One change, at one server or several.
class DirectoryChange {
public:
    DirectoryChange(const LdapOptions& options, const LdapDirectory& directory,
                    const ChangeRequest& request)
        : options_(options), directory_(directory), request_(request) {
        for (std::size_t i = 0; i < options.servers.size(); ++i) left_.push_back(i);
    }

    // Asks one server after the other until one has changed the password or refused to. It goes on
    // to the next server only if a server says that it has not made the change. After any other
    // failure it finds out whether the change was made, and does not request it again elsewhere.
    Result<Changed> run() {
        while (!left_.empty()) {
            const std::size_t server = left_.front();
            left_.erase(left_.begin());
            auto login = directory_.log_in(options_.servers[server], request_.login,
                                           request_.old_password, Clock::now() + options_.limit);
            if (!login && login.error().status == ExitStatus::rejected)
                return Changed{How::refused, "old password is incorrect",
                               may_be_logged(login.error().message())};
            if (!login && login.error().status != ExitStatus::temporary) return login.error();
            if (!login) {
                log(login.error().message());
                continue;
            }
            if (login->bound.standing == LdapStanding::not_known) return Changed{How::wrong};
            if (login->bound.standing == LdapStanding::refused) {
                // The server does not say whether the password was right.
                return Changed{How::refused, "old password is incorrect",
                               may_be_logged("refused: " + login->bound.reason)};
            }
            if (auto changed = change(std::move(*login->session), server)) return *changed;
        }
        return nobody_did();
    }

private:
    // Servers may repeat a password in their words.
    std::string may_be_logged(std::string_view words) const {
        return std::string{for_log(words, {request_.old_password, request_.new_password})};
    }
    void log(std::string_view words) const { complain(program, may_be_logged(words)); }

    static Error nobody_did() { return trouble("no server of the directory made the change"); }

    // Returns nothing if this server has not made the change and another server may. Signals are
    // blocked until the result of the change is known and reported.
    std::optional<Result<Changed>> change(LdapSession session, std::size_t server) {
        const sigset_t signals = hold_signals();
        const auto change = session.change_password(request_.old_password, request_.new_password,
                                                    Clock::now() + options_.limit);
        session.close();
        const std::string name = options_.servers[server].text() + ": ";
        switch (change.how) {
        case LdapChange::How::changed: return Changed{How::done};
        case LdapChange::How::refused: return Changed{How::refused, change.reason};
        case LdapChange::How::lost:
        case LdapChange::How::late:
            log(name + "the answer to the change is lost: " + change.reason);
            return settle(server, change.how == LdapChange::How::late);
        case LdapChange::How::referred: follow(name, change.referrals); break;
        case LdapChange::How::not_done: log(name + "change: " + change.reason); break;
        }
        ::sigprocmask(SIG_SETMASK, &signals, nullptr);
        return std::nullopt;
    }

    // A server that makes no changes names servers that do. Those of our list are asked next.
    void follow(const std::string& name, const std::vector<std::string>& referrals) {
        std::string others;
        for (const auto& url : referrals) {
            const auto target = find_referred(url, options_.servers);
            if (!target) others += " " + url;
            const auto place =
                target ? std::find(left_.begin(), left_.end(), *target) : left_.end();
            if (place != left_.end()) std::rotate(left_.begin(), place, place + 1);
        }
        log(name + "refers changes to another server" +
            (others.empty() ? "" : ", which -H does not name:" + others));
    }

    // Whether the server accepts the password as the user's; empty if that is not known.
    std::optional<bool> works(std::size_t server, std::string_view password,
                              Clock::time_point end) const {
        const auto login = directory_.log_in(options_.servers[server], request_.login, password,
                                             std::min(Clock::now() + options_.limit, end));
        if (!login) {
            log(login.error().message());
            return std::nullopt;
        }
        if (login->bound.standing == LdapStanding::refused) return std::nullopt;
        return login->bound.standing != LdapStanding::not_known;
    }

    enum class Password { fresh, old, neither }; // neither: or both, or not known

    // Finds out which password the server accepts: one that works beside the other tells nothing. A
    // password that works is tried last, so that the server forgets the failed attempt.
    Password find_password(std::size_t server, Clock::time_point end) const {
        const auto fresh = works(server, request_.new_password, end);
        if (fresh == true && request_.new_password == request_.old_password) return Password::fresh;
        const auto old = fresh ? works(server, request_.old_password, end) : std::nullopt;
        if (!old || *old == *fresh) return Password::neither;
        if (*old) return Password::old;
        (void)works(server, request_.new_password, end);
        return Password::fresh;
    }

    // If a server accepts only the new password, the change is done, and replication brings it to
    // the others. Only the server that was asked can tell that the change is not done, because it
    // may restart with a change that no other server saw. It can tell this only if the request is
    // no longer `pending` there.
    Result<Changed> settle(std::size_t asked, bool pending) const {
        const auto end = Clock::now() + options_.limit * options_.servers.size();
        int old = 0;
        for (int round = 0; round < 2; ++round) {
            // The server may still have worked on it when the connection broke.
            if (round > 0) std::this_thread::sleep_for(options_.limit / 4.0);
            const Password password = find_password(asked, end);
            if (password == Password::fresh) return Changed{How::done};
            if (password == Password::neither) break;
            ++old;
        }
        if (old == 2 && !pending) return nobody_did();
        for (std::size_t server = 0; server < options_.servers.size(); ++server)
            if (server != asked && find_password(server, end) == Password::fresh)
                return Changed{How::done};
        return Changed{How::not_known, {}, "it is not known whether the password is changed"};
    }

    const LdapOptions& options_;
    const LdapDirectory& directory_;
    const ChangeRequest& request_;
    std::vector<std::size_t> left_; // servers that were not asked yet, in the order of asking
};

class DirectorySetStore final : public SetStore {
public:
    static constexpr std::string_view name = program;

    Result<void> take(int option, std::string_view value) override {
        return options_.take(option, value);
    }

    Result<void> prepare() override {
        if (auto good = options_.complete(); !good) return good;
        return directory_.prepare();
    }

    Result<Changed> change(const ChangeRequest& request) override {
        return DirectoryChange{options_, directory_, request}.run();
    }

    void look_over(Report& report) override { directory_.look_over(report); }

private:
    LdapOptions options_;
    LdapDirectory directory_{options_};
};

} // namespace

int main(int argc, char** argv) { return set_link<DirectorySetStore>(argc, argv); }
