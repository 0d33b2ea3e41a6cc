// setpw: stores a new password in the credential file, the embedded default of set links.

#include "link/chain.hh"
#include "credentials/change_policy.hh"
#include "link/link.hh"
#include "base/log.hh"
#include "credentials/new_hash.hh"
#include "link/record.hh"
#include "base/side_task.hh"
#include "link/words.hh"

#include <getopt.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage = "setpw [-f FILE] [-F shadow|passwd-file] [-m METHOD] [-c COST] "
                                   "[--min-uid N] [--] [PROG ARG...]";

constexpr option long_options[] = {
    {"min-uid", required_argument, nullptr, CredentialOptions::min_uid_option},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {},
};

enum class Outcome {
    changed,
    unsynced,  // seen by readers, but a crash may undo it
    not_known, // no such user, or the old password is wrong: the next link may know
    stale,     // the line became another one while we computed
};

// All hashes are computed before the lock is taken; under it the line must still be the same. The
// new one is made beside the verification, for whoever is unknown as well: the time tells nothing.
Result<Outcome> change(const CredentialFile& file, const SetRecord& record,
                       const CredentialOptions& options) {
    const auto found = file.find(record.login);
    if (!found) return found.error();
    const auto served = options.serves(file, record.login);
    if (!served) return served.error();
    const auto entry = *served ? found->entry() : std::nullopt;
    Result<NewHash> hash = trouble("no new hash was made");
    SideTask making{[&] { hash = make_new_hash(entry, record.new_password, options); }};
    const auto right = verify_hash(record.old_password, hash_to_verify(entry), found->usual);
    if (!right) return right.error();
    if (!entry) return Outcome::not_known;
    if (auto allowed = check_policy(*entry, *right); !allowed) return allowed.error();
    if (!*right) return Outcome::not_known;

    making.wait();
    if (!hash) return hash.error();
    const std::string line = replace_hash(*entry, hash->scheme, hash->hash, today());
    const auto changed = file.change(record.login, [&](const Found& now) -> Result<Edit> {
        if (now.line != found->line || now.format != found->format) return Edit{};
        return Edit{Edit::What::write, line};
    });
    if (!changed) return changed.error();
    switch (*changed) {
    case Change::none: return Outcome::stale;
    case Change::made: return Outcome::changed;
    case Change::unsynced: return Outcome::unsynced;
    }
    return Outcome::unsynced;
}

Result<Outcome> change_password(const CredentialFileOptions& where, const SetRecord& record,
                                CredentialOptions options) {
    const auto file = CredentialFile::open(where);
    if (!file) return file.error();
    if (const auto defs = options.follow_login_defs(*file); !defs) return defs.error();
    if (!options.warning.empty()) complain("setpw", options.warning);
    for (int tries = 0; tries < 20; ++tries) {
        auto outcome = change(*file, record, options);
        if (!outcome || *outcome != Outcome::stale) return outcome;
    }
    return trouble("the user's line is changed all the time");
}

Result<ExitStatus> setpw(int argc, char** argv) {
    CredentialOptions options;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, "+:f:F:m:c:hV", long_options, nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version("setpw");
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (auto taken = options.take(c, optarg); !taken) return taken.error();
    }
    if (auto good = options.check(); !good) return good.error();
    const auto where = options.choose_file();
    if (!where) return where.error();
    const Chain next{argv + optind, static_cast<std::size_t>(argc - optind)};
    if (const auto convention = choose_convention(next, false); !convention)
        return convention.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();

    constexpr std::string_view nothing =
        "Sorry, there is trouble on the server; nothing was changed";
    const auto outcome = change_password(*where, *record, options);
    if (!outcome) {
        if (outcome.error().status == ExitStatus::rejected)
            return refuse("Sorry, " + outcome.error().what);
        return fail(outcome.error(), nothing);
    }
    switch (*outcome) {
    case Outcome::changed: return ExitStatus::accepted;
    case Outcome::unsynced:
        return fail(trouble("the password was changed, but the directory could not be synced"),
                    "Sorry, your new password is set, but may not have reached the disk");
    case Outcome::stale:
    case Outcome::not_known: break;
    }
    if (next.empty()) return refuse("Sorry, old password is incorrect");
    return fail(run_next_with_record(next, bytes), nothing);
}

} // namespace

int main(int argc, char** argv) { return run_link("setpw", argc, argv, setpw); }
