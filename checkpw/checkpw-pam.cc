// checkpw-pam: verifies the password of an account of the system, through PAM.

#include "link/chain.hh"
#include "link/link.hh"
#include "base/log.hh"
#include "link/native_user.hh"
#include "account/nss_accounts.hh"
#include "pam/user.hh"
#include "link/peer.hh"
#include "link/record.hh"

#include <getopt.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage =
    "checkpw-pam [-s|--service SERVICE] [-i|--ident ID] [--native] [--allow-expired] [--no-delay] "
    "[--min-uid N] [--strip DOMAIN|*] [-e|--noenv] [-H|--no-chdir-home] [-d|--debug] [--stdout] "
    "[--] [PROG ARG...]";

constexpr option long_options[] = {
    {"service", required_argument, nullptr, 's'},
    {"ident", required_argument, nullptr, 'i'},
    {"native", no_argument, nullptr, 'n'},
    {"allow-expired", no_argument, nullptr, 'x'},
    {"no-delay", no_argument, nullptr, 'D'},
    {"min-uid", required_argument, nullptr, PamOptions::min_uid_option},
    {"strip", required_argument, nullptr, PamOptions::strip_option},
    {"noenv", no_argument, nullptr, 'e'},
    {"no-chdir-home", no_argument, nullptr, 'H'},
    {"debug", no_argument, nullptr, 'd'},
    {"stdout", no_argument, nullptr, 'o'}, // checkpassword-pam's; we never write there
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {},
};

bool is_accepted(PamOutcome outcome, bool allow_expired) {
    return outcome == PamOutcome::done || (outcome == PamOutcome::must_change && allow_expired);
}

// Whom the program of a native chain runs for.
Result<NativeUser> find_person(const PamUser& user) {
    NativeUser native{.login = user.name()};
    const auto& account = user.account();
    if (!account) return native;
    auto groups = find_nss_groups(*account);
    if (!groups) return groups.error();
    native.ids = UserIds{account->uid, account->gid, std::move(*groups)};
    native.home = account->home;
    native.shell = account->shell.empty() ? "/bin/sh" : account->shell;
    return native;
}

Result<ExitStatus> checkpw_pam(int argc, char** argv) {
    const DovecotLookup asked = dovecot_lookup();
    PamOptions options;
    NativeOptions start;
    bool native = environment_is_native();
    bool allow_expired = false;
    bool delay = true;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, "+:s:i:eHdhV", long_options, nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version("checkpw-pam");
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (c == 'n') native = true;
        if (c == 'x') allow_expired = true;
        if (c == 'D') delay = false;
        if (c == 'e') start.environment = false;
        if (c == 'H') start.change_directory = false;
        if (auto taken = options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    const Chain next{argv + optind, static_cast<std::size_t>(argc - optind)};
    const auto convention = choose_convention(next, native);
    if (!convention) return convention.error();
    if (native && !delay)
        return misuse("--no-delay: a native chain has nothing else that slows guessing");
    if (const auto ready = options.check({"auth", "account"}); !ready) return ready.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_check_record(bytes.view());
    if (!record) return record.error();

    PamConversation::Trace trace;
    if (options.debug) trace = [](std::string_view line) { complain("checkpw-pam", line); };
    PamUser user{options, record->login, record->password, {}, trace};
    const auto peer = find_peer(-1);
    const auto lookup = record->password.empty() ? asked : DovecotLookup::none;
    // Mail still comes in for who may not log in.
    const auto checked = lookup == DovecotLookup::none
                             ? user.check(peer, delay)
                             : user.look_up(peer, lookup == DovecotLookup::credentials);
    if (!checked) return checked.error();
    user.end();
    const bool accepted = is_accepted(*checked, allow_expired);
    if (!accepted && lookup != DovecotLookup::none) return no_such_user(lookup);
    if (!native) {
        if (accepted) return ExitStatus::accepted;
        if (*checked != PamOutcome::wrong || next.empty()) return ExitStatus::rejected;
        return run_next_with_record(next, bytes);
    }
    if (!accepted) return ExitStatus::rejected;
    const auto person = find_person(user);
    if (!person) return person.error();
    bytes.wipe();
    return run_for_user(next, *person, start, lookup);
}

} // namespace

int main(int argc, char** argv) { return run_link("checkpw-pam", argc, argv, checkpw_pam); }
