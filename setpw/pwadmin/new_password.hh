// The new password that pwadmin sets: where it comes from, and what it has to satisfy.
#pragma once

#include "credentials/login_defs.hh"
#include "pwadmin/password_gate.hh"
#include "base/result.hh"
#include "base/secret.hh"
#include "base/terminal.hh"

#include <string_view>

namespace poppass {

// Every Secret here has room for a NUL after the password, and gets one, for libcrypt.

// Who asks for the change.
enum class Caller {
    master, // root or the file's owner: a weak password is a warning
    user,   // anybody else: a weak password is refused
};

// The old password; one line, asked for once.
Result<void> ask_old_password(const Terminal& terminal, Secret& password);

// Asks for the new password twice, and again where the two differ or it is refused,
// PASS_CHANGE_TRIES times (5) in all; after that it is rejected. A master is warned of a weak one
// (PASS_ALWAYS_WARN), and has to type it once more. `old_password` is empty where not known.
Result<void> ask_new_password(const Terminal& terminal, const LoginDefs& defs,
                              const PasswordGate& gate, Caller caller, std::string_view login,
                              const Secret& old_password, Secret& password);

// Reads it as one line of standard input. Returns the warning that a master gets, or nothing.
Result<std::string> read_new_password(const LoginDefs& defs, const PasswordGate& gate,
                                      std::string_view login, Secret& password);

// A passphrase that was generated.
Result<void> generate_password(const PasswordGate& gate, Secret& password);

} // namespace poppass
