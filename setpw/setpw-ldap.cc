// setpw-ldap: changes a password in a directory, as the user whose it is.

#include "link/chain.hh"
#include "ldap/directory.hh"
#include "link/link.hh"
#include "base/log.hh"
#include "link/record.hh"
#include "base/signals.hh"
#include "link/words.hh"

#include <algorithm>
#include <getopt.h>
#include <thread>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view program = "setpw-ldap";

constexpr std::string_view usage =
    "setpw-ldap -H URI[ URI...] (-D DN | -b BASE [-q FILTER] [-w BINDDN -y PASSWORDFILE]) "
    "[--starttls] [--ca FILE] [-t SECONDS] [--allow-expired] [--] [PROG ARG...]";

constexpr std::string_view nothing = "Sorry, there is trouble on the server; nothing was changed";
constexpr std::string_view not_known =
    "Sorry, the result is not known: try the new password, then the old one";
constexpr std::string_view wrong = "Sorry, old password is incorrect";

enum class Outcome {
    changed,
    refused,     // words: why
    no_match,    // no such user, or the old password is wrong: the next link may know
    not_changed, // trouble, and nothing is changed
    unknown,     // trouble, and it may be changed, now or later
};

struct Ending {
    Outcome outcome;
    std::string words = {};
};

class Change {
public:
    Change(const LdapOptions& options, const LdapDirectory& directory, const SetRecord& record)
        : options_(options), directory_(directory), record_(record) {
        for (std::size_t i = 0; i < options.servers.size(); ++i) left_.push_back(i);
    }

    // Asks one server after the other, until one has changed the password or refused to. Only one
    // that says so has done nothing with the request; after any other the question is settled, not
    // asked again elsewhere.
    Result<Ending> run() {
        while (!left_.empty()) {
            const std::size_t server = left_.front();
            left_.erase(left_.begin());
            auto login = directory_.log_in(options_.servers[server], record_.login,
                                           record_.old_password, Clock::now() + options_.limit);
            if (!login && login.error().status != ExitStatus::temporary) return login.error();
            if (!login) {
                complain(program, login.error().message());
                continue;
            }
            if (login->bound.standing == LdapStanding::not_known) return Ending{Outcome::no_match};
            if (login->bound.standing == LdapStanding::refused) {
                // Whether the password was right, it does not say.
                complain(program, "refused: " + login->bound.words);
                return Ending{Outcome::refused, std::string{wrong}};
            }
            if (auto ending = change(std::move(*login->session), server)) return *ending;
        }
        return Ending{Outcome::not_changed};
    }

private:
    // Nothing where this server has not done it, and another one may. Signals wait until it is
    // known what became of the change, and told.
    std::optional<Ending> change(LdapSession session, std::size_t server) {
        const sigset_t signals = hold_signals();
        const auto change = session.change_password(record_.old_password, record_.new_password,
                                                    Clock::now() + options_.limit);
        session.close();
        const std::string name = options_.servers[server].text() + ": ";
        switch (change.how) {
        case LdapChange::How::changed: return Ending{Outcome::changed};
        case LdapChange::How::refused: return Ending{Outcome::refused, "Sorry, " + change.words};
        case LdapChange::How::lost:
        case LdapChange::How::late:
            complain(program, name + "the answer to the change is lost: " + change.words);
            return Ending{settle(server, change.how == LdapChange::How::late)};
        case LdapChange::How::referred: follow(name, change.referrals); break;
        case LdapChange::How::not_done: complain(program, name + "change: " + change.words); break;
        }
        ::sigprocmask(SIG_SETMASK, &signals, nullptr);
        return std::nullopt;
    }

    // A server that changes nothing names those that do: they are asked next, if they are ours.
    void follow(const std::string& name, const std::vector<std::string>& referrals) {
        std::string others;
        for (const auto& url : referrals) {
            const auto target = find_referred(url, options_.servers);
            if (!target) others += " " + url;
            const auto place =
                target ? std::find(left_.begin(), left_.end(), *target) : left_.end();
            if (place != left_.end()) std::rotate(left_.begin(), place, place + 1);
        }
        complain(program, name + "refers changes to another server" +
                              (others.empty() ? "" : ", which -H does not name:" + others));
    }

    // Whether a server takes a password for the user's; nothing where that cannot be told.
    std::optional<bool> works(std::size_t server, std::string_view password,
                              Clock::time_point end) const {
        const auto login = directory_.log_in(options_.servers[server], record_.login, password,
                                             std::min(Clock::now() + options_.limit, end));
        if (!login) {
            complain(program, login.error().message());
            return std::nullopt;
        }
        if (login->bound.standing == LdapStanding::refused) return std::nullopt;
        return login->bound.standing != LdapStanding::not_known;
    }

    enum class Password { fresh, old, neither };

    // Which one a server takes. The new one is tried first, and the old one at once after it, which
    // lets the server forget that one failed.
    Password find_password(std::size_t server, Clock::time_point end) const {
        const auto fresh = works(server, record_.new_password, end);
        if (fresh == true) return Password::fresh;
        if (fresh == false && works(server, record_.old_password, end) == true)
            return Password::old;
        return Password::neither;
    }

    // Where the new password works the change is done, and replication brings it everywhere. That
    // it is not done, only the server that was asked can tell, for it may come back with a change
    // that no other one saw; and it can tell only while the request is not `pending` there.
    Outcome settle(std::size_t asked, bool pending) const {
        const auto end = Clock::now() + options_.limit * options_.servers.size();
        int old = 0;
        for (int round = 0; round < 2; ++round) {
            // It may have been at it still when the connection broke.
            if (round > 0) std::this_thread::sleep_for(options_.limit / 4.0);
            const Password password = find_password(asked, end);
            if (password == Password::fresh) return Outcome::changed;
            if (password == Password::neither) break;
            ++old;
        }
        if (old == 2 && !pending) return Outcome::not_changed;
        for (std::size_t server = 0; server < options_.servers.size(); ++server)
            if (server != asked && find_password(server, end) == Password::fresh)
                return Outcome::changed;
        return Outcome::unknown;
    }

    const LdapOptions& options_;
    const LdapDirectory& directory_;
    const SetRecord& record_;
    std::vector<std::size_t> left_; // servers that were not asked yet, the next one first
};

Result<ExitStatus> setpw_ldap(int argc, char** argv) {
    LdapOptions options;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, LdapOptions::letters, LdapOptions::words + 1,
                                   nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version(program);
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (auto taken = options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    if (auto good = options.complete(); !good) return good.error();
    const Chain next{argv + optind, static_cast<std::size_t>(argc - optind)};
    if (const auto convention = choose_convention(next, false); !convention)
        return convention.error();
    LdapDirectory directory{options};
    if (auto ready = directory.prepare(); !ready) return ready.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();

    const auto ending = Change{options, directory, *record}.run();
    if (!ending) {
        if (ending.error().status == ExitStatus::rejected) {
            complain(program, ending.error().message());
            return refuse(wrong);
        }
        return fail(ending.error(), nothing);
    }
    switch (ending->outcome) {
    case Outcome::changed: return ExitStatus::accepted;
    case Outcome::refused: return refuse(ending->words);
    case Outcome::not_changed:
        return fail(trouble("no server of the directory made the change"), nothing);
    case Outcome::unknown:
        return fail(trouble("it is not known whether the password is changed"), not_known);
    case Outcome::no_match: break;
    }
    if (next.empty()) return refuse(wrong);
    return fail(run_next_with_record(next, bytes), nothing);
}

} // namespace

int main(int argc, char** argv) { return run_link(program, argc, argv, setpw_ldap); }
