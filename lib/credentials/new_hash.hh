// Makes the hash of a new password: chooses its method, cost and scheme.
#pragma once

#include "credentials/options.hh"

#include <string>
#include <string_view>

namespace poppass {

struct NewHash {
    std::string scheme; // passwd-file: what stands before the hash
    std::string hash;
};

// A hash that replaces the entry's hash, or the hash of a new entry if there is none. Its method is
// that of -m, else the one that the entry's scheme names, else the preferred one. Its cost is that
// of -c; else it is not cheaper than the old hash. The scheme stays if it names the method; else it
// becomes {CRYPT}. A scheme that is not one of crypt(3) is trouble, and is never replaced. A
// password that the method would cut is refused (rejected, with text for the user).
Result<NewHash> make_new_hash(const std::optional<Entry>& entry, std::string_view password,
                              const CredentialOptions& options);

} // namespace poppass
