// The rest of a chain: what its convention is, and running its next link in our place.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <span>

namespace poppass {

// `prog args...` after a link's own options; each word NUL-terminated, as execve wants them, and
// the span followed by a null pointer (so: the tail of argv).
using Chain = std::span<char* const>;

// Which of the two conventions of poppass-chain(7) a chain is to be run by.
enum class Convention {
    fallback, // the next link is run where we do not know the user or the password
    native,   // the next link is run for a user whose password is right
};

// `declared_native`: the administrator said --native or its like. Fallback needs a chain that is
// empty or ends in `false`; native needs a chain. Any other is misuse, and the error names both
// remedies: under the wrong convention a wrong password would start the mail server.
Result<Convention> choose_convention(Chain next, bool declared_native);

// Puts `record` on descriptor 3, in the place of what is there, for the program that is run next.
// Wipes the record.
Result<void> put_record(Secret& record);

// Becomes the next link, which finds `record` on descriptor 3. Wipes the record. Returns only where
// that fails.
Error run_next_with_record(Chain next, Secret& record);

// Becomes the next link with the descriptors as they are. Returns only where that fails.
Error run_next(Chain next);

} // namespace poppass
