// What a new password is judged by where people type it: login.defs(5), and the module that
// setpw-quality judges with. Where that is not built in, passwd(1)'s own checks.
#pragma once

#include "credentials/login_defs.hh"
#include "base/result.hh"
#include "base/secret.hh"

#include <memory>
#include <string>
#include <string_view>

namespace poppass {

class PasswordGate {
public:
    // For the passwords of that login. libpasswdqc's policy is its default one, or that of
    // /etc/passwdqc.conf where that file exists; one that is wrong is an error that says why.
    static Result<PasswordGate> open(const LoginDefs& defs, std::string_view login);

    PasswordGate(PasswordGate&&) noexcept;
    ~PasswordGate();

    // Why the password is weak; empty: it is not. PASS_MIN_LEN counts first, the rest only with
    // OBSCURE_CHECKS_ENAB. Both passwords are views followed by a NUL; an old one that is not known
    // is empty. What cannot be judged is trouble.
    Result<std::string> weakness(std::string_view new_password,
                                 std::string_view old_password) const;

    // Whether the policy forbids weak passwords to users, or only warns.
    bool enforced() const;

    // A passphrase that is not weak. Misuse where libpasswdqc is not built in.
    Result<void> generate(Secret& into) const;

private:
    struct Policy;
    PasswordGate(const LoginDefs& defs, std::unique_ptr<Policy> policy);

    std::int64_t shortest_;
    bool more_checks_;
    std::unique_ptr<Policy> policy_;
};

} // namespace poppass
