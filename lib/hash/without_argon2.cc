// A build without libargon2.

#include "hash/library.hh"

namespace poppass {

const HashLibrary argon2_library{"argon2", false, nullptr, nullptr};

} // namespace poppass
