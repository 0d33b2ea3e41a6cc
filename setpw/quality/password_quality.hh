// Judges new passwords with libpasswdqc and its parameters.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <passwdqc.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace poppass {

// Data of the user that a password should not be made of. A string is empty if nothing is known.
struct Person {
    std::string login;
    std::string gecos;
    std::string home;
};

class PasswordQuality {
public:
    // From the words of pam_passwdqc (min=..., config=FILE, ...). Misuse names a word that is
    // unknown or wrong. A policy that no password of a user's choice could satisfy is misuse, too.
    // A file of the policy that cannot be read is trouble.
    static Result<PasswordQuality> parse(std::span<char* const> words);

    // Why the password is weak; empty: it is not. `old_password` may be null. If libpasswdqc cannot
    // judge, it is trouble. The answer is a constant of libpasswdqc.
    Result<std::string_view> weakness(const char* new_password, const char* old_password,
                                      const Person& person) const;

    // Makes a password that is not weak, of the size in `random=`. Returns false, and an empty
    // password, if no such size was given or if the policy refused all passwords that were tried.
    [[nodiscard]] bool generate(Secret& into, const char* old_password, const Person& person) const;

    bool enforced() const { return (policy_->pam.flags & F_ENFORCE_USERS) != 0; }
    bool uses_account() const { return (policy_->pam.flags & F_NON_UNIX) == 0; }

    // With max=8 only the first eight bytes of a longer password are judged.
    bool judges_part_of(std::string_view password) const;

    // The given words that have an effect only in a PAM module.
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
