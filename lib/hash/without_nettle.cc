// A build without libnettle.

#include "hash/library.hh"

namespace poppass {

const HashLibrary nettle_library{"nettle", false, nullptr, nullptr};

} // namespace poppass
