// setpw-pam: changes the password of an account of the system, through PAM and by all of its rules.

#include "link/chain.hh"
#include "link/link.hh"
#include "base/log.hh"
#include "account/nss_accounts.hh"
#include "pam/user.hh"
#include "link/peer.hh"
#include "pam/real_uid.hh"
#include "link/record.hh"
#include "base/settings.hh"
#include "base/signals.hh"
#include "link/words.hh"

#include <getopt.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage =
    "setpw-pam [-s|--service SERVICE] [-i|--ident ID] [--ruid N] [--min-uid N] [--strip DOMAIN|*] "
    "[-d|--debug] [--] [PROG ARG...]";

constexpr int ruid_option = 300;

constexpr option long_options[] = {
    {"service", required_argument, nullptr, 's'},
    {"ident", required_argument, nullptr, 'i'},
    {"ruid", required_argument, nullptr, ruid_option},
    {"min-uid", required_argument, nullptr, PamOptions::min_uid_option},
    {"strip", required_argument, nullptr, PamOptions::strip_option},
    {"debug", no_argument, nullptr, 'd'},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {},
};

constexpr std::string_view nothing =
    "Sorry, there is trouble on the server; nothing was changed";
constexpr std::string_view not_known =
    "Sorry, there is trouble on the server; the new password may or may not be set";
constexpr std::string_view wrong = "Sorry, old password is incorrect";

// Any process that has the real uid could stop the change.
Result<void> check_real_uid(uid_t uid) {
    if (uid == 65534) return misuse("--ruid must not be 65534: others use that one");
    const auto network = find_nss_account("poppass");
    if (!network) return network.error();
    if (environment("UID") == std::to_string(uid) || (*network && (*network)->uid == uid))
        return misuse("--ruid must not be the uid of poppass's network side");
    return {};
}

// What the modules say, or these words where they say nothing.
ExitStatus refuse_by(const PamUser& user, std::string_view otherwise) {
    const std::string_view reason = user.reason();
    return refuse("Sorry, " + std::string{reason.empty() ? otherwise : reason});
}

Result<ExitStatus> change(PamUser& user, uid_t real_uid) {
    if (user.account() && user.account()->uid == real_uid)
        return fail(trouble("the real uid of the change must not be the user's own"), nothing);
    hold_signals(); // a change that has begun is not to be torn
    if (auto taken = take_real_uid(real_uid, user.name()); !taken)
        return fail(taken.error(), nothing);
    const auto outcome = user.change();
    if (!outcome) return fail(outcome.error(), user.gave_new() ? not_known : nothing);
    if (*outcome == PamOutcome::done) return ExitStatus::accepted;
    return refuse_by(user, "the new password was refused");
}

Result<ExitStatus> setpw_pam(int argc, char** argv) {
    PamOptions options;
    uid_t real_uid = 65533;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, "+:s:i:dhV", long_options, nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version("setpw-pam");
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (c == ruid_option) {
            const auto number = parse_number("--ruid", optarg, 1, 4'294'967'294);
            if (!number) return number.error();
            real_uid = static_cast<uid_t>(*number);
        }
        if (auto taken = options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    if (auto good = check_real_uid(real_uid); !good) return good.error();
    const Chain next{argv + optind, static_cast<std::size_t>(argc - optind)};
    if (const auto convention = choose_convention(next, false); !convention)
        return convention.error();
    if (const auto ready = options.check({"auth", "account", "password"}); !ready)
        return fail(ready.error(), nothing);

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();

    PamConversation::Trace trace;
    if (options.debug) trace = [](std::string_view line) { complain("setpw-pam", line); };
    PamUser user{options, record->login, record->old_password, record->new_password, trace};
    // Some modules would ask for no empty password, and none is ever right.
    const auto checked = record->old_password.empty() ? PamOutcome::wrong
                                                      : user.check(find_peer(-1), true);
    if (!checked) return fail(checked.error(), nothing);
    switch (*checked) {
    case PamOutcome::done:
    case PamOutcome::must_change: return change(user, real_uid);
    case PamOutcome::refused:
        return user.is_right() ? refuse_by(user, "your account does not allow it") : refuse(wrong);
    case PamOutcome::wrong: break;
    }
    if (next.empty()) return refuse(wrong);
    user.end();
    return fail(run_next_with_record(next, bytes), nothing);
}

} // namespace

int main(int argc, char** argv) { return run_link("setpw-pam", argc, argv, setpw_pam); }
