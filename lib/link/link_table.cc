#include "link/link_table.hh"

#include "base/command_line.hh"
#include "process/program.hh"

#include <algorithm>
#include <iterator>

namespace poppass {

namespace {

using Next = KnownLink::Next;

constexpr option native{"native", no_argument, nullptr, native_option};
constexpr option allow_expired{"allow-expired", no_argument, nullptr, allow_expired_option};
constexpr option min_uid{"min-uid", required_argument, nullptr, min_uid_option};
constexpr option noenv{"noenv", no_argument, nullptr, 'e'};
constexpr option no_chdir_home{"no-chdir-home", no_argument, nullptr, 'H'};
constexpr option service{"service", required_argument, nullptr, 's'};
constexpr option ident{"ident", required_argument, nullptr, 'i'};
constexpr option strip{"strip", required_argument, nullptr, strip_option};
constexpr option debug{"debug", no_argument, nullptr, 'd'};
constexpr option starttls{"starttls", no_argument, nullptr, starttls_option};
constexpr option ca{"ca", required_argument, nullptr, ca_option};
constexpr option check{"check", no_argument, nullptr, check_option};
constexpr option help{"help", no_argument, nullptr, 'h'};
constexpr option version{"version", no_argument, nullptr, 'V'};
constexpr option end{};

constexpr option checkpw[] = {native, allow_expired, min_uid, noenv, no_chdir_home,
                              check,  help,          version, end};
constexpr option setpw[] = {min_uid, check, help, version, end};
constexpr option checkpw_pam[] = {service,
                                  ident,
                                  native,
                                  allow_expired,
                                  {"no-delay", no_argument, nullptr, no_delay_option},
                                  min_uid,
                                  strip,
                                  noenv,
                                  no_chdir_home,
                                  debug,
                                  // an option of checkpassword-pam; it has no effect, because
                                  // nothing is ever written there
                                  {"stdout", no_argument, nullptr, stdout_option},
                                  check,
                                  help,
                                  version,
                                  end};
constexpr option setpw_pam[] = {service, ident, {"ruid", required_argument, nullptr, ruid_option},
                                min_uid, strip, debug,
                                check,   help,  version,
                                end};
constexpr option checkpw_ldap[] = {native, allow_expired, starttls, ca, check, help, version, end};
constexpr option setpw_ldap[] = {allow_expired, starttls, ca, check, help, version, end};
constexpr option checkpw_throttle[] = {native,
                                       {"list", no_argument, nullptr, list_option},
                                       {"clear", required_argument, nullptr, clear_option},
                                       {"passed", required_argument, nullptr, passed_option},
                                       check,
                                       help,
                                       version,
                                       end};
constexpr option pam_checkpwd[] = {service, ident, end};
constexpr option checkpassword_pam[] = {service,
                                        {"noenv", no_argument, nullptr, 'e'},
                                        no_chdir_home,
                                        debug,
                                        {"stdout", no_argument, nullptr, stdout_option},
                                        help,
                                        version,
                                        end};
constexpr option no_options[] = {end};

constexpr std::string_view ldap_usage =
    "-H URI[ URI...] (-D DN | -b BASE [-q FILTER] [-w BINDDN -y PASSWORDFILE]) [--starttls] "
    "[--ca FILE] [-t SECONDS] [--allow-expired] [--] [PROG ARG...]";

constexpr KnownLink known_links[] = {
    {"checkpw",
     "[-f FILE] [-F shadow|passwd-file] [--native] [--allow-expired] [--min-uid N] [-e|--noenv] "
     "[-H|--no-chdir-home] [--] [PROG ARG...]",
     Next::either, "+:f:F:eHhV", checkpw},
    {"setpw",
     "[-f FILE] [-F shadow|passwd-file] [-m METHOD] [-c COST] [--min-uid N] [--] [PROG ARG...]",
     Next::fallback, "+:f:F:m:c:hV", setpw},
    {"checkpw-pam",
     "[-s|--service SERVICE] [-i|--ident ID] [--native] [--allow-expired] [--no-delay] "
     "[--min-uid N] [--strip DOMAIN|*] [-e|--noenv] [-H|--no-chdir-home] [-d|--debug] [--stdout] "
     "[--] [PROG ARG...]",
     Next::either, "+:s:i:eHdhV", checkpw_pam},
    {"setpw-pam",
     "[-s|--service SERVICE] [-i|--ident ID] [--ruid N] [--min-uid N] [--strip DOMAIN|*] "
     "[-d|--debug] [--] [PROG ARG...]",
     Next::fallback, "+:s:i:dhV", setpw_pam},
    {"checkpw-ldap",
     "-H URI[ URI...] (-D DN | -b BASE [-q FILTER] [-w BINDDN -y PASSWORDFILE]) [--starttls] "
     "[--ca FILE] [-t SECONDS] [--native] [--allow-expired] [--] [PROG ARG...]",
     Next::either, "+:H:D:b:q:w:y:t:hV", checkpw_ldap},
    {"setpw-ldap", ldap_usage, Next::fallback, "+:H:D:b:q:w:y:t:hV", setpw_ldap},
    {"checkpw-throttle",
     "[-d DIRECTORY] [-n TRIES] [-w SECONDS] [-x ADDRESS[/LENGTH]]... [--native] [--] "
     "PROG ARG..., or [-d DIRECTORY] --list | --clear KEY, or --passed FD [--] PROG ARG...",
     Next::guard, "+:d:n:w:x:hV", checkpw_throttle},
    {"setpw-quality", "[POLICY...] -- PROG ARG...", Next::filter, "", no_options},
    {"vchkpass", "", Next::fallback_needed, "+", no_options},
    {"vsetpass", "", Next::fallback_needed, "+", no_options},
    {"pam-checkpwd", "", Next::fallback_needed, "+:s:i:", pam_checkpwd},
    {"checkpassword", "", Next::native_needed, "+", no_options},
    {"checkpassword.login", "", Next::native_needed, "+", no_options},
    {"checkpassword-pam", "", Next::native_needed, "+:s:eHdhV", checkpassword_pam},
    {"cvm-checkpassword", "", Next::native_further, "+", no_options},
    {"vchkpw", "", Next::native_needed, "+", no_options},
};

} // namespace

std::string usage_of(const KnownLink& link) {
    return std::string{link.name} + (link.usage.empty() ? "" : " ") + std::string{link.usage};
}

bool has_option(const KnownLink& link, std::string_view name) {
    for (const option* row = link.long_options; row->name != nullptr; ++row)
        if (row->name == name) return true;
    return false;
}

const KnownLink* find_known_link(std::string_view program) {
    const auto* const found = std::find_if(
        std::begin(known_links), std::end(known_links),
        [name = base_name(program)](const KnownLink& link) { return link.name == name; });
    return found == std::end(known_links) ? nullptr : found;
}

Result<LinkWords> read_options(const KnownLink& link, Chain words, const TakeOption& take) {
    LinkWords read;
    if (link.next == Next::filter) {
        const auto mark = std::find(words.begin(), words.end(), std::string_view{"--"});
        if (mark != words.end()) read.next = {mark + 1, words.end()};
        return read;
    }
    optind = 0; // start again: a guard has already read its own options
    opterr = 0;
    for (int c; (c = ::getopt_long(static_cast<int>(words.size()), words.data(), link.letters,
                                   link.long_options, nullptr)) != -1;) {
        if (c == '?' || c == ':') return wrong_option(c, words.data(), usage_of(link));
        if (c == 'h' || c == 'V') {
            read.deed = c == 'h' ? Deed::help : Deed::version;
            return read;
        }
        if (c == check_option)
            read.deed = Deed::look_over;
        else if (auto taken = take(c, optarg == nullptr ? "" : optarg); !taken)
            return taken.error();
    }
    read.next = words.subspan(static_cast<std::size_t>(optind));
    return read;
}

} // namespace poppass
