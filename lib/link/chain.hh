// The rest of a chain: finds its convention, and runs its next link in the place of this program.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <span>

namespace poppass {

// The words `prog args...` after a link's own options. Each word ends in a NUL and a null pointer
// follows the last one, because execve needs both. The end of argv is like this.
using Chain = std::span<char* const>;

// The two conventions of poppass-chain(7).
enum class Convention {
    fallback, // the next link is run if we do not know the user or the password
    native,   // the next link is run for a user whose password is right
};

// `declared_native`: --native or the environment declares the chain native. A fallback chain must
// be empty or end in `false`. A native chain must not be empty. Anything else is misuse, and the
// error names both remedies: under the wrong convention a wrong password would start the mail
// server.
Result<Convention> choose_convention(Chain next, bool declared_native);

// Puts `record` on descriptor 3, for the program that is run next. Closes what was there. Wipes the
// record.
Result<void> put_record(Secret& record);

// Runs the next link in the place of this program, with `record` on descriptor 3. Wipes the record.
// Returns only if that fails.
Error run_next_with_record(Chain next, Secret& record);

// Runs the next link in the place of this program; the descriptors stay as they are. Returns only
// if that fails.
Error run_next(Chain next);

} // namespace poppass
