// Gets the new password that pwadmin sets, and checks it.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"
#include "base/terminal.hh"
#include "credentials/login_defs.hh"
#include "pwadmin/password_gate.hh"

#include <string_view>

namespace poppass {

// Every Secret here has room for a NUL after the password, and gets one, because libcrypt wants it.

// Who asks for the change.
enum class Caller {
    master, // root or the file's owner: a weak password is a warning
    user,   // anybody else: a weak password is refused
};

// Asks once for the old password, one line.
Result<void> ask_old_password(const Terminal& terminal, Secret& password);

// Asks for the new password twice. Asks again if the two differ or if the password is refused.
// After PASS_CHANGE_TRIES times (5) the change is rejected. A master is warned of a weak password
// (PASS_ALWAYS_WARN), and has to type it once more. `old_password` is empty if it is not known.
Result<void> ask_new_password(const Terminal& terminal, const LoginDefs& defs,
                              const PasswordGate& gate, Caller caller, std::string_view login,
                              const Secret& old_password, Secret& password);

// Reads the new password as one line of standard input. Returns the warning for a master; empty if
// there is none.
Result<std::string> read_new_password(const LoginDefs& defs, const PasswordGate& gate,
                                      std::string_view login, Secret& password);

// Makes a passphrase.
Result<void> generate_password(const PasswordGate& gate, Secret& password);

} // namespace poppass
