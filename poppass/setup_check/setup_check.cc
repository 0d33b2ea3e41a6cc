#include "setup_check/setup_check.hh"

#include "account/accounts.hh"
#include "base/settings.hh"
#include "base/text.hh"
#include "configuration/configuration.hh"
#include "link/link_table.hh"
#include "link/peer.hh"
#include "link/program_check.hh"
#include "network/sandbox.hh"
#include "process/child.hh"
#include "process/program.hh"
#include "process/split_words.hh"

#include <algorithm>
#include <span>
#include <unistd.h>

namespace poppass {

namespace {

using Next = KnownLink::Next;
using Words = std::span<const std::string>;

constexpr std::string_view guard = "checkpw-throttle";

// The longest time in which a link may look over its store: a directory's servers are asked in
// turn.
constexpr std::chrono::seconds longest_look{30};
constexpr std::size_t most_printed = 1'000'000; // by a link

std::string in_quotes(std::string_view word) { return "`" + std::string{word} + "'"; }

// The address that the super-server names, or else our address on the socket at descriptor 0.
std::optional<std::string> service_address() {
    if (const auto named = environment("TCPLOCALIP")) return parse_address(*named);
    return local_address(STDIN_FILENO);
}

// A command line as getopt_long(3) and execve(2) need it: writable, with a null pointer at the end.
class Argv {
public:
    explicit Argv(std::vector<std::string> words) : words_(std::move(words)) {
        for (std::string& word : words_) pointers_.push_back(word.data());
        pointers_.push_back(nullptr);
    }
    Argv(const Argv&) = delete;
    Argv& operator=(const Argv&) = delete;

    Chain words() { return {pointers_.data(), words_.size()}; }

private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

// One link of a chain: its options, and what comes after them.
struct LinkInChain {
    const KnownLink& known;
    std::vector<std::string> options;
    Words next;
    bool native = false;
};

Result<LinkInChain> take_apart(const KnownLink& known, Words words) {
    LinkInChain link{known, {}, {}};
    Argv argv{{words.begin(), words.end()}};
    bool serves = true;
    const auto read = read_options(known, argv.words(), [&](int option, std::string_view) {
        if (option == passed_option)
            return Result<void>{misuse("--passed belongs before the last program of a native "
                                       "chain, after a guard: remove it")};
        link.native = link.native || option == native_option;
        serves = serves && option != list_option && option != clear_option;
        return Result<void>{};
    });
    if (!read) return read.error();
    if (!serves || read->deed != Deed::serve)
        return misuse("looks at no password with -h, -V, --check, --list or --clear, and its exit "
                      "status 0 would accept any: remove that option");
    const std::size_t after = words.size() - read->next.size();
    link.options.assign(words.begin() + 1, words.begin() + static_cast<std::ptrdiff_t>(after));
    link.next = words.subspan(after);
    return link;
}

// What comes after the mark of a guard, `GUARD --passed NUMBER`; empty if the words begin with
// none.
Words after_mark(Words words) {
    if (words.size() < 4 || base_name(words[0]) != guard || words[1] != "--passed") return {};
    return words.subspan(words[3] == "--" ? 4 : 3);
}

bool has_mark(Words words) {
    for (; !words.empty(); words = words.subspan(1))
        if (!after_mark(words).empty()) return true;
    return false;
}

class SetupCheck {
public:
    explicit SetupCheck(const std::string& own) : own_(own) {}

    Report run(const std::vector<std::string>& words) {
        std::vector<Error> errors;
        const auto configuration = read_configuration(words, &errors);
        if (configuration) {
            report_.ok("settings", "can be used");
            check_settings(*configuration);
        }
        for (const Error& error : errors) report_.fail("settings", error.message());
        check_host(words.front());
        check_found_chain(for_check, Words{words}.subspan(1));
        if (const auto command = environment("PASSWORD_COMMAND"))
            if (const auto split = split_words(*command)) check_found_chain(for_change, *split);
        if (const auto after = environment("POPPASS_AFTER"))
            if (const auto split = split_words(*after))
                if (programs_.check(for_after, split->front()))
                    report_.ok(split->front(), "can be executed; not looked into");
        check_power();
        check_address();
        return std::move(report_);
    }

private:
    void check_settings(const Configuration& configuration) {
        if (configuration.strip == "*")
            report_.warn("POPPASS_STRIP",
                         "* takes joe@any.domain for joe: name the domain that is yours");
        if (configuration.delay.count() == 0)
            report_.warn("POPPASS_DELAY", "0 does not slow guessing: 1 or more does");
        if (environment("POPPASS_RUN") && configuration.chain_limit < std::chrono::seconds{5})
            report_.warn(
                "POPPASS_RUN",
                "a chain may need more than 5 seconds on a busy machine: leave it unset, for 60");
    }

    void check_host(const std::string& host) {
        if (host.find('/') != host.npos || find_known_link(host) != nullptr)
            report_.fail("HOST", in_quotes(host) + " is a program: write the host's name for the "
                                                   "greeting before it");
    }

    // The settings already name a first program that is not found.
    void check_found_chain(const Purpose& purpose, Words words) {
        if (find_program(words.front())) check_chain(purpose, words);
    }

    // Checks one link, then what comes after it.
    void check_chain(const Purpose& purpose, Words words) {
        const std::string& word = words.front();
        if (is_end(word))
            return report_.fail(word, (base_name(word) == "false" ? "refuses" : "accepts") +
                                          std::string{" everybody: put the program that knows the "
                                                      "users before it"});
        if (!programs_.check(purpose, word)) return;
        const KnownLink* const known = find_known_link(word);
        if (known == nullptr || !known->is_ours())
            report_.ok(word, "can be executed; not looked into");
        if (known == nullptr) return;
        check_policy(known->name);
        const auto link = take_apart(*known, words);
        if (!link) return report_.fail(known->name, link.error().message());
        check_convention(*link);
        if (known->is_ours()) ask_link(*link);
        check_rest(purpose, *link);
    }

    void check_rest(const Purpose& purpose, const LinkInChain& link) {
        if (link.next.empty()) return;
        const bool runs_rest = link.known.next == Next::guard || link.known.next == Next::filter;
        const Words marked = after_mark(link.next);
        const Words next = marked.empty() ? link.next : marked;
        if (is_end(next.front()) && !runs_rest)
            programs_.check(purpose, next.front());
        else
            check_chain(purpose, next);
    }

    // PAM's stack and a directory have rules of their own; a credential file and a database have
    // none.
    void check_policy(std::string_view link) {
        if (link == "setpw-quality") has_policy_ = true;
        if ((link != "setpw" && link != "setpw-sqlite" && link != "setpw-pgsql" &&
             link != "setpw-mysql") ||
            has_policy_)
            return;
        has_policy_ = true; // one warning is enough
        report_.warn(link, "takes any new password, for no policy comes before it: begin "
                           "PASSWORD_COMMAND with setpw-quality --");
    }

    void check_convention(const LinkInChain& link) {
        const std::string_view name = link.known.name;
        const Next kind = link.known.next;
        const bool either = kind == Next::either || kind == Next::guard;
        const bool told = either && environment("NATIVE_CHECKPASSWORD");
        const bool native =
            told || kind == Next::native_needed || kind == Next::native_further || link.native;
        const bool runs_true = !link.next.empty() && base_name(link.next.front()) == "true";
        if (native) {
            if (link.next.empty())
                report_.fail(name,
                             "wants a program to run for the user: /bin/true where it is only "
                             "to check");
            else if (base_name(link.next.back()) == "false")
                report_.fail(name, told ? "is native, so that only this link is ever asked: unset "
                                          "NATIVE_CHECKPASSWORD, since the chain ends in false"
                                        : "runs the next program for right passwords, and false "
                                          "refuses them all: end the chain in /bin/true");
            else if (kind == Next::guard)
                check_guarded(link.next);
            return;
        }
        if (runs_true)
            report_.fail(name,
                         "runs the next link for users that it does not know, and true accepts "
                         "them all: end the chain in /bin/false");
        else if (link.next.empty() && kind == Next::fallback_needed)
            report_.fail(name, "wants a next link: end the chain in /bin/false");
        else if (link.next.empty() && (kind == Next::filter || kind == Next::guard))
            report_.fail(name, "wants the rest of a chain to run: write it after the options");
        else if ((kind == Next::fallback || either) && !link.next.empty() &&
                 base_name(link.next.back()) != "false")
            report_.fail(name, "cannot tell when to run " + in_quotes(link.next.front()) +
                                   ": end the chain in /bin/false, or say --native");
    }

    // The guard of a native chain must know where the program begins that the chain runs.
    void check_guarded(Words words) {
        const KnownLink* const link = find_known_link(words.front());
        if (link != nullptr && link->next == Next::guard)
            return report_.fail(guard, "guards another guard: remove one of them");
        if (has_mark(words) ||
            (link != nullptr && (link->next == Next::either || link->next == Next::native_needed)))
            return;
        if (!is_end(words.front()))
            report_.fail(guard, "cannot tell where the program begins that " +
                                    in_quotes(words.front()) +
                                    " runs: put `checkpw-throttle --passed 9' before it");
    }

    // Lets a link of ours report on its own store.
    void ask_link(const LinkInChain& link) {
        const std::string_view name = link.known.name;
        const std::string path = own_ + "/" + std::string{name};
        std::vector<std::string> words{path, "--check"};
        words.insert(words.end(), link.options.begin(), link.options.end());
        if (std::find(asked_.begin(), asked_.end(), words) != asked_.end()) return;
        asked_.push_back(words);
        if (::access(path.c_str(), X_OK) != 0)
            return report_.warn(name,
                                "was not looked into: there is no " + path + ": install it there");
        if (const auto danger = find_danger(path); !danger.empty())
            return report_.fail(name, "was not looked into: " + danger);
        Argv argv{std::move(words)};
        std::string said, complaints;
        const auto keep = [](std::string& into) {
            return [&into](std::string_view bytes) {
                if (into.size() <= most_printed) into.append(bytes);
            };
        };
        const ChildEnd end = run_child({.path = path,
                                        .argv = argv.words().data(),
                                        .limit = longest_look,
                                        .output = keep(said),
                                        .errors = keep(complaints)});
        if (std::max(said.size(), complaints.size()) > most_printed)
            return report_.fail(name,
                                "cannot look its set-up over: it prints more than a megabyte: "
                                "install it anew");
        if (end.how == ChildEnd::How::exited && end.value <= 2 && report_.add_json(said)) return;
        constexpr std::size_t most_shown = 1000;
        const std::string why =
            end.how == ChildEnd::How::overtime
                ? "it takes more than 30 seconds: name fewer servers, or give each less time"
                : (complaints.empty() ? "it gives no report" : one_line(complaints, most_shown)) +
                      ": install it anew";
        report_.fail(name, "cannot look its set-up over: " + why);
    }

    // The settings name a file of accounts that cannot be read.
    static bool has_account() {
        const auto account = find_account("poppass");
        return !account || account->has_value();
    }

    void check_power() {
        const auto uid = environment("UID");
        if (::geteuid() != 0)
            return report_.warn("uid", "this is not root: only files of this account can be "
                                       "changed: start the service as root to change others");
        if ((!uid || !environment("GID")) && !has_account())
            report_.warn("UID", "there is no account poppass, so the network side runs as uid "
                                "65534, as other services may: make that account, or set UID and "
                                "GID");
        if (uid && *uid == "0") report_.fail("UID", "0 is root: name an account that owns nothing");
        const auto filter = kernel_has_filter();
        if (!filter)
            report_.warn("filter", "this build has no system call filter for the network side: "
                                   "build it without posix_only and without a sanitizer");
        else if (!*filter)
            report_.fail("filter", "this kernel has no system call filter (seccomp) that can end a "
                                   "process: run Linux 4.14 or newer");
    }

    void check_address() {
        const auto address = service_address();
        if (!address)
            report_.ok("address",
                       "not seen from here: passwords cross it in clear, so it should be "
                       "loopback or behind TLS");
        else if (is_loopback_address(*address))
            report_.ok("address", *address + " is loopback");
        else if (environment("PROTO").value_or("") != "SSL")
            report_.warn("address", *address + " is not loopback, and passwords cross it in clear: "
                                               "put TLS before it, or listen on 127.0.0.1");
    }

    const std::string& own_;
    Report report_;
    ProgramCheck programs_{report_};
    std::vector<std::vector<std::string>> asked_;
    bool has_policy_ = false; // a policy was found in the chain, or its lack was reported
};

} // namespace

Report check_setup(const std::vector<std::string>& words, const std::string& own) {
    return SetupCheck{own}.run(words);
}

} // namespace poppass
