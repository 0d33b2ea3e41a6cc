// setpw-quality: runs the rest of a set chain only where libpasswdqc is content with the new
// password.

#include "link/chain.hh"
#include "link/link.hh"
#include "base/log.hh"
#include "quality/password_quality.hh"
#include "process/program.hh"
#include "link/record.hh"
#include "link/words.hh"

#include <algorithm>
#include <pwd.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view program = "setpw-quality";
constexpr std::string_view usage = "setpw-quality [POLICY...] -- PROG ARG...";
constexpr std::string_view nothing = "Sorry, there is trouble on the server; nothing was changed";

// Fields may be missing, and accounts too: then there is the login alone.
Person find_person(std::string_view login, bool look_up) {
    Person person{std::string{login}, "", ""};
    const passwd* const entry = look_up ? ::getpwnam(person.login.c_str()) : nullptr;
    if (entry != nullptr && entry->pw_gecos != nullptr) person.gecos = entry->pw_gecos;
    if (entry != nullptr && entry->pw_dir != nullptr) person.home = entry->pw_dir;
    return person;
}

Result<Chain> find_chain(std::span<char* const> words) {
    const auto end = std::find(words.begin(), words.end(), std::string_view{"--"});
    if (end == words.end())
        return misuse("no -- before the next program; usage: " + std::string{usage});
    const Chain next{end + 1, words.end()};
    if (next.empty()) return misuse("no program to run with a good password");
    if (base_name(next.back()) == "true")
        return misuse("a chain that sets passwords does not end in " + std::string{next.back()});
    return next;
}

ExitStatus refuse_weak(std::string_view reason, const PasswordQuality& quality,
                       const char* old_password, const Person& person) {
    Secret offer{256}, words{1024};
    const bool offers = quality.generate(offer, old_password, person);
    const std::string_view before = offers ? "; \"" : "", after = offers ? "\" would do" : "";
    if (!words.assign({"Weak password: ", reason, before, offer.view(), after}))
        return refuse("Weak password");
    return refuse(words.view());
}

Result<ExitStatus> setpw_quality(int argc, char** argv) {
    const std::span<char* const> words{argv + 1, static_cast<std::size_t>(argc - 1)};
    const std::string_view first = words.empty() ? "" : words.front();
    if (first == "-h" || first == "--help") return show_usage(usage);
    if (first == "-V" || first == "--version") return show_version(program);
    const auto next = find_chain(words);
    if (!next) return next.error();
    const auto quality = PasswordQuality::parse(words.first(words.size() - next->size() - 1));
    if (!quality) return fail(quality.error(), nothing);
    for (const std::string_view word : quality->idle_words())
        complain(program, std::string{word} + " has no effect here: it is for a PAM module");

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();

    // Each string of a record ends in a NUL, as libpasswdqc wants it.
    const char* const old_password =
        record->old_password.empty() ? nullptr : record->old_password.data();
    const Person person = find_person(record->login, quality->uses_account());
    if (quality->judges_part_of(record->new_password))
        complain(program, "warning: max=8: the new password of " + person.login +
                              " was judged by its first eight bytes");
    const auto reason = quality->weakness(record->new_password.data(), old_password, person);
    if (!reason) return fail(reason.error(), nothing);
    if (!reason->empty()) {
        if (quality->enforced()) return refuse_weak(*reason, *quality, old_password, person);
        complain(program, "warning: enforce=none: the new password of " + person.login +
                              " is weak: " + std::string{*reason});
    }
    return fail(run_next_with_record(*next, bytes), nothing);
}

} // namespace

int main(int argc, char** argv) {
    return run_link(program, argc, argv, setpw_quality);
}
