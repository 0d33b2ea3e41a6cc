// checkpw: verifies a password against the credential file, the embedded default of check links.

#include "chain.hh"
#include "credential_options.hh"
#include "link.hh"
#include "record.hh"

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

Result<ExitStatus> checkpw(int argc, char** argv) {
    CredentialOptions options;
    bool native = false;
    bool allow_expired = false;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, "+:f:F:eHhV", long_options, nullptr)) != -1;) {
        if (c == 'h') return show_usage(usage);
        if (c == 'V') return show_version("checkpw");
        if (c == '?' || c == ':') return wrong_option(c, argv, usage);
        if (c == 'n') native = true;
        if (c == 'x') allow_expired = true;
        if (auto taken = options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    const auto where = options.choose_file();
    if (!where) return where.error();
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
    const auto entry = found->entry();
    // One hash, whether there is such a user or not.
    const auto right = verify_hash(record->password, hash_to_verify(entry), found->usual);
    if (!right) return right.error();

    if (entry && is_refused(*entry, allow_expired)) return ExitStatus::rejected;
    if (entry && *right) return ExitStatus::accepted;
    if (next.empty()) return ExitStatus::rejected;
    return run_next_with_record(next, bytes);
}

} // namespace

int main(int argc, char** argv) { return run_link("checkpw", argc, argv, checkpw); }
