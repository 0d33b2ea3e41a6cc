// checkpw: verifies a password against the credential file, the embedded default of check links.

#include "link/chain.hh"
#include "credentials/options.hh"
#include "link/link.hh"
#include "link/native_user.hh"
#include "link/record.hh"
#include "base/settings.hh"

#include <getopt.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view usage =
    "checkpw [-f FILE] [-F shadow|passwd-file] [--native] [--allow-expired] [--min-uid N] "
    "[-e|--noenv] [-H|--no-chdir-home] [--] [PROG ARG...]";

constexpr option long_options[] = {
    {"native", no_argument, nullptr, 'n'},
    {"allow-expired", no_argument, nullptr, 'x'},
    {"min-uid", required_argument, nullptr, CredentialOptions::min_uid_option},
    {"noenv", no_argument, nullptr, 'e'},
    {"no-chdir-home", no_argument, nullptr, 'H'},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {},
};

// Whether the password, right or wrong, does not matter any more.
bool is_refused(const Entry& entry, bool allow_expired) {
    switch (standing(entry, today())) {
    case Standing::usable: return false;
    case Standing::must_change: return !allow_expired;
    case Standing::locked:
    case Standing::expired:
    case Standing::inactive: return true;
    }
    return true;
}

enum class Verdict {
    right,
    wrong,   // or no such user
    refused, // the password does not matter
};

// Computes one hash, whether there is such a user or not.
Result<Verdict> judge(std::string_view password, const Found& found,
                      const std::optional<Entry>& entry, bool allow_expired) {
    const auto right = verify_hash(password, hash_to_verify(entry), found.usual);
    if (!right) return right.error();
    if (entry && is_refused(*entry, allow_expired)) return Verdict::refused;
    return entry && *right ? Verdict::right : Verdict::wrong;
}

// Who the program of a native chain runs for: shadow(5) leaves that to /etc/passwd; a passwd-file
// may say it itself, but is believed only if root wrote it.
Result<NativeUser> find_user(const CredentialFile& file, const Entry& entry) {
    NativeUser user{.login = std::string{entry.name}};
    if (entry.format == Format::shadow) {
        const auto account = find_account(entry.name);
        if (!account) return account.error();
        if (!*account) return user;
        // Whoever may write the file could add any account's name.
        if (file.owner() != 0 && file.owner() != (*account)->uid)
            return trouble("become " + user.login + ": " + file.path() +
                           " belongs neither to root nor to that account");
        return native_user(entry.name, **account);
    }
    if (file.owner() != 0) return user;
    user.home = entry.home;
    user.shell = entry.shell;
    if (entry.uid.empty() && entry.gid.empty()) return user;
    constexpr std::int64_t most = 4'294'967'294;
    const auto uid = parse_number("the uid of " + user.login, entry.uid, 0, most);
    if (!uid) return trouble(uid.error().what);
    const auto gid = parse_number("the gid of " + user.login, entry.gid, 0, most);
    if (!gid) return trouble(gid.error().what);
    user.ids =
        UserIds{static_cast<uid_t>(*uid), static_cast<gid_t>(*gid), {static_cast<gid_t>(*gid)}};
    return user;
}

Result<ExitStatus> checkpw(int argc, char** argv) {
    const DovecotLookup asked = dovecot_lookup();
    CredentialOptions options;
    NativeOptions start;
    bool native = environment_is_native();
    bool allow_expired = false;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, "+:f:F:eHhV", long_options, nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version("checkpw");
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (c == 'n') native = true;
        if (c == 'x') allow_expired = true;
        if (c == 'e') start.environment = false;
        if (c == 'H') start.change_directory = false;
        if (auto taken = options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    auto where = options.choose_file();
    if (!where) return where.error();
    where->become_owner = !native; // it takes root to become the user
    const Chain next{argv + optind, static_cast<std::size_t>(argc - optind)};
    const auto convention = choose_convention(next, native);
    if (!convention) return convention.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_check_record(bytes.view());
    if (!record) return record.error();

    const auto file = CredentialFile::open(*where);
    if (!file) return file.error();
    const auto found = file->find(record->login);
    if (!found) return found.error();
    const auto served = options.serves(*file, record->login);
    if (!served) return served.error();
    const auto entry = *served ? found->entry() : std::nullopt;

    const auto lookup = record->password.empty() ? asked : DovecotLookup::none;
    if (lookup == DovecotLookup::none) {
        const auto verdict = judge(record->password, *found, entry, allow_expired);
        if (!verdict) return verdict.error();
        if (*convention == Convention::fallback) {
            if (*verdict == Verdict::right) return ExitStatus::accepted;
            if (*verdict == Verdict::refused || next.empty()) return ExitStatus::rejected;
            return run_next_with_record(next, bytes);
        }
        if (*verdict != Verdict::right) return ExitStatus::rejected;
    } else {
        // Mail still comes in for who may not log in.
        const bool refused =
            entry && lookup == DovecotLookup::credentials && is_refused(*entry, allow_expired);
        if (!entry || refused) return no_such_user(lookup);
    }

    const auto user = find_user(*file, *entry);
    if (!user) return user.error();
    bytes.wipe();
    return run_for_user(next, *user, start, lookup);
}

} // namespace

int main(int argc, char** argv) { return run_link("checkpw", argc, argv, checkpw); }
