// The hash of an entry: verifies passwords with it, and chooses method, cost and scheme of the
// next.
#pragma once

#include "credentials/options.hh"

#include <string>
#include <string_view>

namespace poppass {

// Whether the password, which a NUL follows, is the entry's. If there is no entry, or no good hash
// in it, a hash like `dummy` is computed. It is trouble if the scheme is not known, if this build
// lacks a library for it, or if the hash asks for too much memory or time.
Result<bool> verify_entry(std::string_view password, const std::optional<Entry>& entry,
                          const std::string& dummy);

struct NewHash {
    std::string scheme; // passwd-file: what stands before the hash
    std::string hash;
};

// A hash that replaces the entry's hash, or the hash of a new entry if there is none. With -m its
// method is that one. Else a scheme that is not weak stays, and makes the hash; a weak one becomes
// {CRYPT}, which is also the scheme of new entries, with the preferred method. The cost of a method
// of crypt(3) is that of -c; else it is not below the old hash's. A scheme that is not known is
// trouble, and is never replaced. A password that the method would cut is refused (rejected, with
// text for the user).
Result<NewHash> make_new_hash(const std::optional<Entry>& entry, std::string_view password,
                              const CredentialOptions& options);

} // namespace poppass
