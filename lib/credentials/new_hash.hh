// The hash that a new password gets, of which method and under which scheme.
#pragma once

#include "credentials/options.hh"

#include <string>
#include <string_view>

namespace poppass {

struct NewHash {
    std::string scheme; // passwd-file: what stands before the hash
    std::string hash;
};

// A hash to take the place of the entry's; of a new one's where there is none. It is of the method
// of -m, else the one that the entry's scheme names, else the preferred one, and of the cost of -c,
// else not cheaper than the old hash. The scheme stays where it names the method, and is {CRYPT}
// otherwise; one that is not crypt(3)'s is trouble, and never replaced. A password that the method
// would cut is refused (rejected, with words for the user).
Result<NewHash> make_new_hash(const std::optional<Entry>& entry, std::string_view password,
                              const CredentialOptions& options);

} // namespace poppass
