// checkpw-ldap: verifies a password against a directory, by binding with it.

#include "link/chain.hh"
#include "ldap/directory.hh"
#include "link/link.hh"
#include "base/log.hh"
#include "link/native_user.hh"
#include "link/record.hh"

#include <getopt.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view program = "checkpw-ldap";

constexpr std::string_view usage =
    "checkpw-ldap -H URI[ URI...] (-D DN | -b BASE [-q FILTER] [-w BINDDN -y PASSWORDFILE]) "
    "[--starttls] [--ca FILE] [-t SECONDS] [--native] [--allow-expired] [--] [PROG ARG...]";

// What the first server that is fit to answer says: `ask` asks one.
template <class Ask> auto ask_in_turn(const LdapOptions& options, const Ask& ask)
    -> decltype(ask(options.servers[0], {})) {
    for (const LdapUri& server : options.servers) {
        auto answer = ask(server, Clock::now() + options.limit);
        if (answer || answer.error().status != ExitStatus::temporary) return answer;
        complain(program, answer.error().message());
    }
    return trouble("no server of the directory could be asked");
}

enum class Verdict {
    right,
    wrong,   // or no such user
    refused, // the password does not matter
};

Result<Verdict> judge(const LdapDirectory& directory, const LdapOptions& options,
                      const CheckRecord& record) {
    const auto login = ask_in_turn(options, [&](const LdapUri& server, Clock::time_point deadline) {
        return directory.log_in(server, record.login, record.password, deadline);
    });
    if (!login) return login.error();
    switch (login->bound.standing) {
    case LdapStanding::accepted: return Verdict::right;
    case LdapStanding::must_change:
        return options.allow_expired ? Verdict::right : Verdict::refused;
    case LdapStanding::not_known: return Verdict::wrong;
    case LdapStanding::refused: break;
    }
    complain(program, "refused: " + login->bound.words);
    return Verdict::refused;
}

// Whom the program of a native chain runs for: /etc/passwd says it, and a name that is not there is
// a virtual user. Nobody: an account of the system itself, which no directory's user shall become.
Result<std::optional<NativeUser>> find_person(std::string_view login) {
    constexpr uid_t first_person = 1000;
    const auto account = find_account(login);
    if (!account) return account.error();
    if (!*account) return std::optional{NativeUser{.login = std::string{login}}};
    if ((*account)->uid < first_person) return std::optional<NativeUser>{};
    auto user = native_user(login, **account);
    if (!user) return user.error();
    return std::optional{std::move(*user)};
}

Result<ExitStatus> checkpw_ldap(int argc, char** argv) {
    const DovecotLookup asked = dovecot_lookup();
    LdapOptions options;
    options.native = environment_is_native();
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, LdapOptions::letters, LdapOptions::words,
                                   nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version(program);
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (auto taken = options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    if (auto good = options.complete(); !good) return good.error();
    const Chain next{argv + optind, static_cast<std::size_t>(argc - optind)};
    const auto convention = choose_convention(next, options.native);
    if (!convention) return convention.error();
    LdapDirectory directory{options};
    if (auto ready = directory.prepare(); !ready) return ready.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_check_record(bytes.view());
    if (!record) return record.error();

    const auto lookup = record->password.empty() ? asked : DovecotLookup::none;
    if (lookup == DovecotLookup::none) {
        const auto verdict = judge(directory, options, *record);
        if (!verdict) return verdict.error();
        if (*convention == Convention::fallback) {
            if (*verdict == Verdict::right) return ExitStatus::accepted;
            if (*verdict == Verdict::refused || next.empty()) return ExitStatus::rejected;
            return run_next_with_record(next, bytes);
        }
        if (*verdict != Verdict::right) return ExitStatus::rejected;
    } else {
        // Whether somebody may log in without a password, no server tells without one.
        if (lookup == DovecotLookup::credentials) return no_such_user(lookup);
        const auto found =
            ask_in_turn(options, [&](const LdapUri& server, Clock::time_point deadline) {
                return directory.has_user(server, record->login, deadline);
            });
        if (!found) return found.error();
        if (!*found) return no_such_user(lookup);
    }

    const auto person = find_person(record->login);
    if (!person) return person.error();
    if (!*person) {
        complain(program,
                 "refused: the name is that of an account of the system, with a uid below 1000");
        return lookup == DovecotLookup::none ? ExitStatus::rejected : no_such_user(lookup);
    }
    bytes.wipe();
    return run_for_user(next, **person, {}, lookup);
}

} // namespace

int main(int argc, char** argv) { return run_link(program, argc, argv, checkpw_ldap); }
