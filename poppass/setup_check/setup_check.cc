#include "setup_check/setup_check.hh"

#include "configuration/configuration.hh"
#include "credentials/entry.hh"
#include "base/fd.hh"
#include "setup_check/known_link.hh"
#include "link/peer.hh"
#include "process/program.hh"
#include "network/sandbox.hh"
#include "base/settings.hh"
#include "configuration/split_words.hh"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass {

namespace {

using Words = std::span<const std::string>;

std::string in_quotes(std::string_view word) { return "`" + std::string{word} + "'"; }

bool written_by_others(const struct stat& status) {
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

// What a hash that guessing makes short work of is called; empty for a good one.
std::string_view weak_method(std::string_view hash) {
    if (hash.empty() || hash == "*" || hash == "x") return {};
    if (!hash.starts_with('$') && !hash.starts_with('_')) return "descrypt";
    for (const auto& [prefix, name] : {std::pair{"_", "bsdicrypt"}, std::pair{"$1$", "md5crypt"},
                                       std::pair{"$3$", "nt"}, std::pair{"$md5", "sunmd5"},
                                       std::pair{"$sha1$", "sha1crypt"}})
        if (hash.starts_with(prefix)) return name;
    return {};
}

bool is_loopback(std::string_view address) {
    return address.starts_with("127.") || address == "::1";
}

// The address that the super-server names, or that descriptor 0 is a socket of.
std::optional<std::string> service_address() {
    if (const auto named = environment("TCPLOCALIP")) return parse_address(*named);
    return local_address(STDIN_FILENO);
}

class SetupCheck {
public:
    std::vector<Finding> run(const std::vector<std::string>& words) {
        std::vector<Error> errors;
        const auto configuration = read_configuration(words, &errors);
        if (configuration) {
            ok("settings", "can be used");
            check_settings(*configuration);
        }
        for (const Error& error : errors) fail("settings", error.message());
        check_chain("check", Words{words}.subspan(1));
        if (const auto command = environment("PASSWORD_COMMAND"))
            if (const auto split = split_words(*command)) check_chain("change", *split);
        check_power();
        check_address();
        return std::move(findings_);
    }

private:
    void add(Finding::Level level, std::string_view subject, std::string text) {
        findings_.push_back({level, std::string{subject}, std::move(text)});
    }
    void ok(std::string_view subject, std::string text) {
        add(Finding::Level::ok, subject, std::move(text));
    }
    void warn(std::string_view subject, std::string text) {
        add(Finding::Level::warning, subject, std::move(text));
    }
    void fail(std::string_view subject, std::string text) {
        add(Finding::Level::error, subject, std::move(text));
    }

    void check_settings(const Configuration& configuration) {
        if (configuration.strip == "*")
            warn("POPPASS_STRIP", "* takes joe@any.domain for joe: name the domain that is yours");
        if (configuration.delay.count() == 0)
            warn("POPPASS_DELAY", "0 does not slow guessing: 1 or more does");
        if (environment("POPPASS_RUN") && configuration.chain_limit < std::chrono::seconds{5})
            warn("POPPASS_RUN", "a chain may need more than 5 seconds on a busy machine");
    }

    void check_program(std::string_view chain, const std::string& path) {
        const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        struct stat status {};
        std::array<char, 4> start{};
        if (!fd || ::fstat(fd.get(), &status) != 0) {
            warn(path, "cannot be read here, so it was not looked at");
            return;
        }
        const auto got = read_whole(fd.get(), start);
        const std::string_view magic{start.data(), got ? *got : 0};
        if (!magic.starts_with("#!") && magic != "\x7f" "ELF")
            fail(path, "is no program (neither ELF nor #!): running it fails");
        else if (written_by_others(status))
            fail(path, "can be written by others than its owner, who would learn every password: "
                       "chmod go-w");
        else
            ok(path, "runs for the " + std::string{chain});
    }

    // One link, then what comes after it.
    void check_chain(std::string_view chain, Words words) {
        const auto path = find_program(words.front());
        if (!path) return fail(words.front(), path.error().message());
        check_program(chain, *path);
        const KnownLink* const link = find_known_link(words.front());
        if (link == nullptr) {
            if (words.size() > 1)
                ok(words.front(), "is not known here: what it does with its arguments is its own");
            return;
        }
        const LinkWords parts = split_link(*link, words);
        check_convention(*link, parts);
        if (link->store == KnownLink::Store::file) check_file(*link, parts);
        if (link->store == KnownLink::Store::pam) check_pam(*link, parts);
        if (parts.next.empty()) return;
        const std::string_view last = base_name(parts.next.front());
        if (last != "true" && last != "false") check_chain(chain, parts.next);
    }

    void check_convention(const KnownLink& link, const LinkWords& parts) {
        using Next = KnownLink::Next;
        const bool either = link.next == Next::fallback_or_none || link.next == Next::guard;
        const bool told = either && environment("NATIVE_CHECKPASSWORD");
        const bool native =
            told || link.next == Next::native_needed || has_flag(parts.options, "--native");
        const bool runs_true = !parts.next.empty() && base_name(parts.next.front()) == "true";
        if (native) {
            if (parts.next.empty())
                fail(link.name, "wants a program to run for the user: /bin/true where it is only "
                                "to check");
            else if (base_name(parts.next.back()) == "false")
                fail(link.name, told ? "is native, so that only this link is ever asked: unset "
                                       "NATIVE_CHECKPASSWORD, since the chain ends in false"
                                     : "runs the next program for right passwords, and false "
                                       "refuses them all: end the chain in /bin/true");
            return;
        }
        if (runs_true)
            fail(link.name, "runs the next link for users that it does not know, and true accepts "
                            "them all: end the chain in /bin/false");
        else if (parts.next.empty() && link.next == Next::fallback_needed)
            fail(link.name, "wants a next link: /bin/false");
        else if (parts.next.empty() && (link.next == Next::rest || link.next == Next::guard))
            fail(link.name, "wants the rest of a chain to run");
        else if ((link.next == Next::fallback || either) && !parts.next.empty() &&
                 base_name(parts.next.back()) != "false")
            fail(link.name, "cannot tell when to run " + in_quotes(parts.next.front()) +
                                ": end the chain in /bin/false, or say --native");
    }

    void check_file(const KnownLink& link, const LinkWords& parts) {
        const auto named = option_value(link, parts.options, 'f', "");
        const std::string path =
            named.value_or(std::string{environment("POPPASS_FILE").value_or(POPPASS_CONFDIR "/users")});
        if (std::find(files_seen_.begin(), files_seen_.end(), path) != files_seen_.end()) return;
        files_seen_.push_back(path);
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0)
            return fail(path, std::string{std::strerror(errno)} + ": pwadmin --add USER makes it");
        if (!S_ISREG(status.st_mode)) return fail(path, "is not a regular file");
        if (status.st_nlink > 1)
            fail(path, "has more than one name: a change would reach only one of them");
        if ((status.st_mode & S_IWOTH) != 0) fail(path, "can be written by everybody: chmod o-w");
        if ((status.st_mode & S_IROTH) != 0)
            warn(path, "can be read by everybody, who can then guess at leisure: chmod o-r");
        check_directory(path, status);
        check_lines(path, option_value(link, parts.options, 'F', ""));
    }

    void check_directory(const std::string& path, const struct stat& file) {
        const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr),
                                                               &std::free};
        if (!real) return;
        const std::string_view whole{real.get()};
        const std::string directory{whole.substr(0, whole.rfind('/') + 1)};
        struct stat status {};
        if (::stat(directory.c_str(), &status) != 0) return;
        if ((status.st_uid != 0 && status.st_uid != file.st_uid) || written_by_others(status))
            fail(path, "lies in a directory that others than root and the file's owner can write, "
                       "and is refused there");
        else if (file.st_uid != 0 && status.st_uid != file.st_uid)
            fail(path, "belongs to another account than its directory: that account cannot replace "
                       "it, so no change would work");
    }

    void check_lines(const std::string& path, const std::optional<std::string>& format_name) {
        struct Close {
            void operator()(std::FILE* file) const { std::fclose(file); }
        };
        const std::unique_ptr<std::FILE, Close> file{std::fopen(path.c_str(), "re")};
        if (!file) return fail(path, std::string{"cannot be read: "} + std::strerror(errno));
        std::vector<std::string> lines;
        char* line = nullptr;
        std::size_t room = 0;
        for (ssize_t size; (size = ::getline(&line, &room, file.get())) >= 0;) {
            std::string_view text{line, static_cast<std::size_t>(size)};
            if (text.ends_with('\n')) text.remove_suffix(1);
            lines.emplace_back(text);
        }
        std::free(line);
        const bool shadow = format_name ? *format_name == "shadow"
                                        : std::any_of(lines.begin(), lines.end(), has_shadow_form);
        std::string broken;
        std::map<std::string, int> weak;
        int users = 0;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (lines[i].empty() || lines[i].front() == '#') continue;
            const auto entry =
                parse_entry(lines[i], shadow ? Format::shadow : Format::passwd_file);
            if (!entry) {
                broken += (broken.empty() ? "" : ", ") + std::to_string(i + 1);
                continue;
            }
            ++users;
            if (const auto method = weak_method(hash_to_verify(entry)); !method.empty())
                ++weak[std::string{method}];
        }
        if (!broken.empty()) warn(path, "has lines that are no entries and count for nobody: " + broken);
        for (const auto& [method, count] : weak)
            warn(path, std::to_string(count) + " of its hashes are " + method +
                           ", which is quickly guessed: let these users set a new password");
        ok(path, "has " + std::to_string(users) + (users == 1 ? " user" : " users") + " in the format " +
                     (shadow ? "shadow" : "passwd-file"));
    }

    void check_pam(const KnownLink& link, const LinkWords& parts) {
        const std::string service =
            option_value(link, parts.options, 's', "--service")
                .value_or(std::string{environment("PAM_SERVICE").value_or("poppass")});
        if (::geteuid() != 0) fail(link.name, "needs root: PAM cannot read the system's hashes");
        for (const char* const directory : {"/etc/pam.d/", "/usr/lib/pam.d/"})
            if (::access((directory + service).c_str(), F_OK) == 0)
                return ok(link.name, "uses " + (directory + service));
        fail(link.name, "finds no /etc/pam.d/" + service + ": make one, or name another with -s");
    }

    void check_power() {
        const auto uid = environment("UID");
        if (::geteuid() != 0) {
            warn("uid", "this is not root: only files of this account can be changed");
            return;
        }
        if (uid && *uid == "0") fail("UID", "0 is root: name an account that owns nothing");
        const auto filter = kernel_has_filter();
        if (!filter)
            warn("filter", "this build has no system call filter for the network side");
        else if (!*filter)
            fail("filter", "this kernel has no system call filter (seccomp) that can end a process");
    }

    void check_address() {
        const auto address = service_address();
        if (!address)
            ok("address", "not seen from here: passwords cross it in clear, so it should be "
                          "loopback or behind TLS");
        else if (is_loopback(*address))
            ok("address", *address + " is loopback");
        else if (environment("PROTO").value_or("") != "SSL")
            warn("address", *address + " is not loopback, and passwords cross it in clear: put TLS "
                                       "before it, or listen on 127.0.0.1");
    }

    std::vector<Finding> findings_;
    std::vector<std::string> files_seen_;
};

std::string_view level_text(Finding::Level level) {
    switch (level) {
    case Finding::Level::ok: return "ok";
    case Finding::Level::warning: return "warning";
    case Finding::Level::error: break;
    }
    return "error";
}

std::string json_string(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out.append("\\").append(1, c);
        else if (byte < 0x20 || byte >= 0x7f) // bytes as they are: JSON wants UTF-8, paths are not
            out.append("\\u00").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        else
            out += c;
    }
    return out + "\"";
}

} // namespace

std::vector<Finding> check_setup(const std::vector<std::string>& words) {
    return SetupCheck{}.run(words);
}

std::string show_as_text(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings) {
        std::string level{level_text(finding.level)};
        level.resize(9, ' ');
        text += level + finding.subject + ": " + finding.text + "\n";
    }
    return text;
}

std::string show_as_json(const std::vector<Finding>& findings) {
    std::string text = "[";
    for (const Finding& finding : findings)
        text += std::string{text.size() > 1 ? "," : ""} + "\n  {\"level\": " +
                json_string(level_text(finding.level)) + ", \"subject\": " +
                json_string(finding.subject) + ", \"text\": " + json_string(finding.text) + "}";
    return text + "\n]\n";
}

int exit_status(const std::vector<Finding>& findings) {
    int status = 0;
    for (const Finding& finding : findings) status = std::max(status, static_cast<int>(finding.level));
    return status;
}

} // namespace poppass
