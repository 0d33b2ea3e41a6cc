#include "quality/password_quality.hh"

#include "base/fd.hh"

#include <climits>
#include <cstdlib>
#include <fcntl.h>

namespace poppass {

namespace {

constexpr int not_given = -1;
constexpr std::size_t truncated_length = 8;

// libpasswdqc answers this if it could not judge.
constexpr std::string_view check_failed = "check failed";

Result<void> can_read(const char* file) {
    if (file == nullptr) return {};
    const Fd fd{::open(file, O_RDONLY | O_CLOEXEC)};
    if (!fd) return system_trouble("open", file);
    return {};
}

passwd entry_of(const Person& person) {
    static char empty[] = "";
    const auto bytes = [](const std::string& text) { return const_cast<char*>(text.c_str()); };
    passwd entry{};
    entry.pw_name = bytes(person.login);
    entry.pw_passwd = empty;
    entry.pw_gecos = bytes(person.gecos);
    entry.pw_dir = bytes(person.home);
    entry.pw_shell = empty;
    return entry;
}

} // namespace

void PasswordQuality::Free::operator()(passwdqc_params_t* policy) const {
    ::passwdqc_params_free(policy);
    delete policy;
}

Result<PasswordQuality> PasswordQuality::parse(std::span<char* const> words) {
    Policy policy{new passwdqc_params_t};
    ::passwdqc_params_reset(policy.get());
    policy->qc.random_bits = 0; // unlike PAM's module, offers nothing unless random= asks for it
    policy->pam.retry = not_given;
    for (const std::string_view word : words)
        if (word.starts_with("random=") && word.ends_with(",only"))
            return misuse(std::string{word} + ": there is no dialogue to offer a password in");
    char* reason = nullptr;
    if (::passwdqc_params_parse(policy.get(), &reason, static_cast<int>(words.size()),
                                words.data()) != 0) {
        const std::string why{reason == nullptr ? "out of memory" : reason};
        std::free(reason);
        return misuse(why);
    }
    // `random=N,only` in a configuration file disables the last kind of password, too.
    if (policy->qc.min[4] == INT_MAX)
        return misuse("the policy leaves no password that a user could choose");
    for (const char* const file : {policy->qc.wordlist, policy->qc.denylist, policy->qc.filter})
        if (auto readable = can_read(file); !readable) return readable.error();
    return PasswordQuality{std::move(policy)};
}

Result<std::string_view> PasswordQuality::weakness(const char* new_password,
                                                   const char* old_password,
                                                   const Person& person) const {
    const passwd entry = entry_of(person);
    const char* const reason = ::passwdqc_check(&policy_->qc, new_password, old_password, &entry);
    if (reason == nullptr) return std::string_view{};
    if (reason == check_failed) return trouble("judge the new password: " + std::string{reason});
    return std::string_view{reason};
}

bool PasswordQuality::generate(Secret& into, const char* old_password, const Person& person) const {
    into.wipe();
    if (policy_->qc.random_bits == 0) return false;
    // One in twenty-five passwords of the smallest size satisfies the usual policy.
    for (int tries = 0; tries < 256; ++tries) {
        char* const made = ::passwdqc_random(&policy_->qc);
        if (made == nullptr) return false;
        const std::string_view password{made};
        const auto weak = weakness(made, old_password, person);
        const bool good = weak && weak->empty() && into.assign({password});
        wipe({made, password.size()});
        std::free(made);
        if (good) return true;
    }
    return false;
}

bool PasswordQuality::judges_part_of(std::string_view password) const {
    return policy_->qc.max == static_cast<int>(truncated_length) &&
           password.size() > truncated_length;
}

std::vector<std::string_view> PasswordQuality::idle_words() const {
    struct Flag {
        int mask;
        std::string_view word;
    };
    constexpr Flag flags[] = {{F_ASK_OLDAUTHTOK_PRELIM, "ask_oldauthtok"},
                              {F_ASK_OLDAUTHTOK_UPDATE, "ask_oldauthtok=update"},
                              {F_CHECK_OLDAUTHTOK, "check_oldauthtok"},
                              {F_USE_FIRST_PASS, "use_first_pass"},
                              {F_USE_AUTHTOK, "use_authtok"},
                              {F_NO_AUDIT, "noaudit"}};
    std::vector<std::string_view> words;
    if (policy_->pam.retry != not_given) words.push_back("retry");
    for (const auto& [mask, word] : flags)
        if ((policy_->pam.flags & mask) != 0) words.push_back(word);
    return words;
}

} // namespace poppass
