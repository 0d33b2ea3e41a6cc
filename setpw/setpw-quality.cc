// setpw-quality: runs the rest of a set chain only if libpasswdqc accepts the new password.

#include "base/log.hh"
#include "link/chain.hh"
#include "link/link.hh"
#include "link/record.hh"
#include "link/set_reply.hh"
#include "process/program.hh"
#include "quality/password_quality.hh"

#include <algorithm>
#include <pwd.h>
#include <unistd.h>

using namespace poppass;

namespace {

constexpr std::string_view program = "setpw-quality";

// The account or its fields may be missing: then only the login is known.
Person find_person(std::string_view login, bool look_up) {
    Person person{std::string{login}, "", ""};
    const passwd* const entry = look_up ? ::getpwnam(person.login.c_str()) : nullptr;
    if (entry != nullptr && entry->pw_gecos != nullptr) person.gecos = entry->pw_gecos;
    if (entry != nullptr && entry->pw_dir != nullptr) person.home = entry->pw_dir;
    return person;
}

Result<void> check_chain(const KnownLink& link, Chain words, Chain next) {
    if (next.empty() && (words.size() < 2 || std::string_view{words.back()} != "--"))
        return misuse("no -- before the next program; usage: " + usage_of(link));
    if (next.empty()) return misuse("no program to run with a good password");
    if (base_name(next.back()) == "true")
        return misuse("a chain that sets passwords does not end in " + std::string{next.back()});
    return {};
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

std::string idle_text(std::string_view word) {
    return std::string{word} + " has no effect here: it is for a PAM module";
}

Result<ExitStatus> look_over_policy(const KnownLink& link, Chain words) {
    return look_over(link, [&](Report& report) -> Result<void> {
        const auto end = std::find(words.begin(), words.end(), std::string_view{"--"});
        const auto quality = PasswordQuality::parse({words.begin(), end});
        if (!quality)
            return misuse(quality.error().message() +
                          ": correct the policy, as setpw-quality(8) describes it");
        for (const std::string_view word : quality->idle_words())
            report.warn(link.name, idle_text(word) + ": remove it");
        report.ok(link.name, "can judge new passwords");
        return {};
    });
}

Result<ExitStatus> setpw_quality(const KnownLink& link, Chain words) {
    const auto read = read_options(link, words, {});
    if (!read) return read.error();
    if (read->deed == Deed::look_over) return look_over_policy(link, words.subspan(2));
    if (read->deed != Deed::serve) return answer(link, read->deed);
    const Chain next = read->next;
    if (auto good = check_chain(link, words, next); !good) return good.error();
    const auto quality = PasswordQuality::parse(words.subspan(1, words.size() - next.size() - 2));
    if (!quality) return nothing_changed(quality.error());
    for (const std::string_view word : quality->idle_words()) complain(program, idle_text(word));

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();

    // Each string of a record ends in a NUL, as libpasswdqc needs it.
    const char* const old_password =
        record->old_password.empty() ? nullptr : record->old_password.data();
    const Person person = find_person(record->login, quality->uses_account());
    if (quality->judges_part_of(record->new_password))
        complain(program, "warning: max=8: the new password of " + person.login +
                              " was judged by its first eight bytes");
    const auto reason = quality->weakness(record->new_password.data(), old_password, person);
    if (!reason) return nothing_changed(reason.error());
    if (!reason->empty()) {
        if (quality->enforced()) return refuse_weak(*reason, *quality, old_password, person);
        complain(program, "warning: enforce=none: the new password of " + person.login +
                              " is weak: " + std::string{*reason});
    }
    return nothing_changed(run_next_with_record(next, bytes));
}

} // namespace

int main(int argc, char** argv) { return run_link(program, argc, argv, setpw_quality); }
