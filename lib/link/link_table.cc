#include "link/link_table.hh"

#include "base/command_line.hh"
#include "process/program.hh"

#include <algorithm>
#include <getopt.h>
#include <iterator>

namespace poppass {

namespace {

using Next = KnownLink::Next;

constexpr LongName native{"native", no_argument, native_option};
constexpr LongName allow_expired{"allow-expired", no_argument, allow_expired_option};
constexpr LongName no_delay{"no-delay", no_argument, no_delay_option};
constexpr LongName min_uid{"min-uid", required_argument, min_uid_option};
constexpr LongName ruid{"ruid", required_argument, ruid_option};
constexpr LongName noenv{"noenv", no_argument, 'e'};
constexpr LongName no_chdir_home{"no-chdir-home", no_argument, 'H'};
constexpr LongName service{"service", required_argument, 's'};
constexpr LongName ident{"ident", required_argument, 'i'};
constexpr LongName virtual_account{"virtual", required_argument, virtual_option};
constexpr LongName renamed{"renamed", no_argument, renamed_option};
constexpr LongName strip{"strip", required_argument, strip_option};
constexpr LongName debug{"debug", no_argument, 'd'};
// An option of checkpassword-pam. It has no effect, because nothing is ever written there.
constexpr LongName to_stdout{"stdout", no_argument, stdout_option};
constexpr LongName starttls{"starttls", no_argument, starttls_option};
constexpr LongName ca{"ca", required_argument, ca_option};
constexpr LongName name{"name", required_argument, name_option};
constexpr LongName utf8{"utf8", no_argument, utf8_option};
constexpr LongName list{"list", no_argument, list_option};
constexpr LongName clear{"clear", required_argument, clear_option};
constexpr LongName passed{"passed", required_argument, passed_option};
constexpr LongName before{"before", required_argument, before_option};
constexpr LongName after{"after", required_argument, after_option};
constexpr LongName undo{"undo", required_argument, undo_option};
constexpr LongName check{"check", no_argument, check_option};
constexpr LongName help{"help", no_argument, 'h'};
constexpr LongName version{"version", no_argument, 'V'};

constexpr char ldap_usage[] =
    "-H URI[ URI...] (-D DN | -b BASE [-q FILTER] [-w BINDDN -y PASSWORDFILE] [--name ATTRIBUTE]) "
    "[--utf8] [--starttls] [--ca FILE] [-t SECONDS]";

using LongNames = decltype(KnownLink::long_options);
constexpr LongNames sql_check_options{native, virtual_account, allow_expired, check, help, version};
constexpr LongNames sql_set_options{allow_expired, check, help, version};
constexpr char sql_check_usage[] =
    "[-c FILE] [--native] [--virtual ACCOUNT] [--allow-expired] [--] [PROG ARG...]";
constexpr char sql_set_usage[] = "[-c FILE] [--allow-expired] [--] [PROG ARG...]";

constexpr KnownLink known_links[] = {
    {"checkpw",
     Next::either,
     "+:f:F:eHhV",
     {native, virtual_account, allow_expired, min_uid, noenv, no_chdir_home, check, help, version},
     "[-f FILE] [-F shadow|passwd-file] [--native] [--virtual ACCOUNT] [--allow-expired] "
     "[--min-uid N] [-e|--noenv] [-H|--no-chdir-home] [--] [PROG ARG...]"},
    {"setpw",
     Next::fallback,
     "+:f:F:m:c:hV",
     {min_uid, check, help, version},
     "[-f FILE] [-F shadow|passwd-file] [-m METHOD] [-c COST] [--min-uid N] [--] [PROG ARG...]"},
    {"checkpw-pam",
     Next::either,
     "+:s:i:eHdhV",
     {service, ident, native, virtual_account, allow_expired, no_delay, min_uid, renamed, strip,
      noenv, no_chdir_home, debug, to_stdout, check, help, version},
     "[-s|--service SERVICE] [-i|--ident ID] [--native] [--virtual ACCOUNT] [--allow-expired] "
     "[--no-delay] [--min-uid N] [--renamed] [--strip DOMAIN|*] [-e|--noenv] "
     "[-H|--no-chdir-home] [-d|--debug] [--stdout] [--] [PROG ARG...]"},
    {"setpw-pam",
     Next::fallback,
     "+:s:i:dhV",
     {service, ident, ruid, min_uid, renamed, strip, debug, check, help, version},
     "[-s|--service SERVICE] [-i|--ident ID] [--ruid N] [--min-uid N] [--renamed] "
     "[--strip DOMAIN|*] [-d|--debug] [--] [PROG ARG...]"},
    {"checkpw-ldap",
     Next::either,
     "+:H:D:b:q:w:y:t:hV",
     {native, virtual_account, allow_expired, starttls, ca, name, utf8, check, help, version},
     {ldap_usage, " [--native] [--virtual ACCOUNT] [--allow-expired] [--] [PROG ARG...]"}},
    {"setpw-ldap",
     Next::fallback,
     "+:H:D:b:q:w:y:t:hV",
     {allow_expired, starttls, ca, name, utf8, check, help, version},
     {ldap_usage, " [--allow-expired] [--] [PROG ARG...]"}},
    {"checkpw-sqlite", Next::either, "+:c:hV", sql_check_options, sql_check_usage},
    {"setpw-sqlite", Next::fallback, "+:c:hV", sql_set_options, sql_set_usage},
    {"checkpw-pgsql", Next::either, "+:c:hV", sql_check_options, sql_check_usage},
    {"setpw-pgsql", Next::fallback, "+:c:hV", sql_set_options, sql_set_usage},
    {"checkpw-mysql", Next::either, "+:c:hV", sql_check_options, sql_check_usage},
    {"setpw-mysql", Next::fallback, "+:c:hV", sql_set_options, sql_set_usage},
    {"checkpw-throttle",
     Next::guard,
     "+:d:n:w:x:hV",
     {native, strip, list, clear, passed, check, help, version},
     "[-d DIRECTORY] [-n TRIES] [-w SECONDS] [-x ADDRESS[/LENGTH]]... [--strip DOMAIN|*] "
     "[--native] [--] PROG ARG..., or [-d DIRECTORY] --list | --clear KEY, or --passed FD [--] "
     "PROG ARG..."},
    {"setpw-hook",
     Next::filter,
     "+:t:hV",
     {before, after, undo, check, help, version},
     "[--before COMMAND [--undo COMMAND]] [--after COMMAND] [-t SECONDS] [--] PROG ARG..."},
    {"setpw-quality", Next::filter, "", {}, "[POLICY...] -- PROG ARG..."},
    {"vchkpass", Next::fallback_needed, "+"},
    {"vsetpass", Next::fallback_needed, "+"},
    {"pam-checkpwd", Next::fallback_needed, "+:s:i:", {service, ident}},
    {"checkpassword", Next::native_needed, "+"},
    {"checkpassword.login", Next::native_needed, "+"},
    {"checkpassword-pam",
     Next::native_needed,
     "+:s:eHdhV",
     {service, noenv, no_chdir_home, debug, to_stdout, help, version}},
    {"cvm-checkpassword", Next::native_further, "+"},
    {"vchkpw", Next::native_needed, "+"},
};

// The long options as getopt_long(3) needs them: with an empty one at the end.
using GetoptTable = std::array<option, std::tuple_size_v<LongNames> + 1>;

GetoptTable getopt_table(const KnownLink& link) {
    GetoptTable table{};
    std::transform(link.long_options.begin(), link.long_options.end(), table.begin(),
                   [](const LongName& row) -> option {
                       if (row.value == 0) return {};
                       return {row.name.c_str(), row.argument, nullptr, row.value};
                   });
    return table;
}

} // namespace

std::string usage_of(const KnownLink& link) {
    std::string line{link.name};
    if (link.is_ours()) line.append(" ").append(link.usage);
    return line;
}

bool has_option(const KnownLink& link, std::string_view wanted) {
    return std::any_of(link.long_options.begin(), link.long_options.end(),
                       [wanted](const LongName& row) { return row.name == wanted; });
}

const KnownLink* find_known_link(std::string_view program) {
    const auto* const found = std::find_if(
        std::begin(known_links), std::end(known_links),
        [name = base_name(program)](const KnownLink& link) { return link.name == name; });
    return found == std::end(known_links) ? nullptr : found;
}

Result<LinkWords> read_options(const KnownLink& link, Chain words, const TakeOption& take) {
    LinkWords read;
    if (link.next == Next::filter && link.letters.empty()) {
        const auto mark = std::find(words.begin(), words.end(), std::string_view{"--"});
        if (mark != words.end()) read.next = {mark + 1, words.end()};
        const std::string_view first = words.size() > 1 ? words[1] : "";
        if (first == "-h" || first == "--help") read.deed = Deed::help;
        if (first == "-V" || first == "--version") read.deed = Deed::version;
        if (first == "--check") read.deed = Deed::look_over;
        return read;
    }
    optind = 0; // start again: a guard has already read its own options
    opterr = 0;
    const GetoptTable long_options = getopt_table(link);
    for (int c; (c = ::getopt_long(static_cast<int>(words.size()), words.data(),
                                   link.letters.c_str(), long_options.data(), nullptr)) != -1;) {
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
