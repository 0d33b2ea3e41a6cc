// What makes a new password good enough: libpasswdqc and its parameters.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <passwdqc.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace poppass {

// What a password should not be made of. Empty strings where nothing is known.
struct Person {
    std::string login;
    std::string gecos;
    std::string home;
};

class PasswordQuality {
public:
    // From pam_passwdqc's words (min=..., config=FILE, ...). Misuse names a word that is unknown or
    // wrong, and also a policy that no password chosen by a user could satisfy; a file of the
    // policy that cannot be read is trouble.
    static Result<PasswordQuality> parse(std::span<char* const> words);

    // Why the password is weak; empty: it is good. `old_password` may be null. What cannot be
    // judged is trouble. The answer is libpasswdqc's and lasts for ever.
    Result<std::string_view> weakness(const char* new_password, const char* old_password,
                                      const Person& person) const;

    // A password that is not weak, of the size that `random=` gave; false, and empty, where none
    // was asked for or the policy refuses all that were tried.
    [[nodiscard]] bool generate(Secret& into, const char* old_password, const Person& person) const;

    bool enforced() const { return (policy_->pam.flags & F_ENFORCE_USERS) != 0; }
    bool uses_account() const { return (policy_->pam.flags & F_NON_UNIX) == 0; }

    // With max=8 only the first eight bytes of a longer password are judged.
    bool judges_part_of(std::string_view password) const;

    // The words that were given and that only a PAM module could heed.
    std::vector<std::string_view> idle_words() const;

private:
    struct Free {
        void operator()(passwdqc_params_t* policy) const;
    };
    using Policy = std::unique_ptr<passwdqc_params_t, Free>;

    explicit PasswordQuality(Policy policy) : policy_(std::move(policy)) {}

    Policy policy_;
};

} // namespace poppass
