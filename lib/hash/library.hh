// What one library adds to the schemes. A build without the library links functions in their place
// that are never called, for find_scheme() refuses the schemes before.
#pragma once

#include "hash/scheme.hh"

namespace poppass {

struct HashLibrary {
    std::string_view name;
    bool built;
    Result<Match> (*match)(const StoredHash& hash, std::string_view password);
    Result<std::string> (*make)(const Scheme& scheme, std::string_view password,
                                std::string_view salt);
};

extern const HashLibrary nettle_library;
extern const HashLibrary argon2_library;

} // namespace poppass
