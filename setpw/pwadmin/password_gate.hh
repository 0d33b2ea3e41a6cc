// Judges the new passwords that pwadmin is to set: by the least length of login.defs(5), and by
// libpasswdqc as setpw-quality does. A build without libpasswdqc judges the length alone.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"
#include "credentials/login_defs.hh"

#include <memory>
#include <string>
#include <string_view>

namespace poppass {

class PasswordGate {
public:
    // Judges passwords of that login. libpasswdqc's policy is in /etc/passwdqc.conf if the file
    // exists, and is the default one otherwise. A wrong policy is an error that says why.
    static Result<PasswordGate> open(const LoginDefs& defs, std::string_view login);

    PasswordGate(PasswordGate&&) noexcept;
    ~PasswordGate();

    // Why the password is weak; empty: it is not. PASS_MIN_LEN is checked first. libpasswdqc is
    // next, unless OBSCURE_CHECKS_ENAB is `no`. A NUL follows each of the two passwords; an old
    // password that is not known is empty. A password that libpasswdqc cannot judge is trouble.
    Result<std::string> weakness(std::string_view new_password,
                                 std::string_view old_password) const;

    // Whether a weak password of a user is refused; if not, the user is only warned.
    bool enforced() const;

    // Makes a passphrase that is not weak. Misuse in a build without libpasswdqc.
    Result<void> generate(Secret& into) const;

private:
    struct Policy;
    PasswordGate(const LoginDefs& defs, std::unique_ptr<Policy> policy);

    std::int64_t shortest_;
    bool judged_; // whether libpasswdqc judges too
    std::unique_ptr<Policy> policy_;
};

} // namespace poppass
