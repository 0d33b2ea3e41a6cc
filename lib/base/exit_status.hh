// The exit statuses that checkpassword and setpassword programs of this suite use.
// Source: the checkpassword interface (1, 2, 111); poppass-chain(7) has the whole table.
#pragma once

namespace poppass {

enum class ExitStatus : int {
    accepted = 0,    // the password is right, or was changed
    rejected = 1,    // refused: wrong, unknown, locked, too weak
    misused = 2,     // called wrongly: options, record, settings; nothing was done
    temporary = 111, // trouble of the system: not done, or not known to be done
};

} // namespace poppass
