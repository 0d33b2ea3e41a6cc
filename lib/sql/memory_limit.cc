#include "sql/memory_limit.hh"

#include <algorithm>

namespace poppass {

MemoryLimit::MemoryLimit() {
#ifndef POPPASS_SANITIZED // a sanitizer takes more for itself
    if (::getrlimit(RLIMIT_DATA, &before_) != 0) return;
    const rlimit limit{std::min<rlim_t>(before_.rlim_cur, 64 << 20), before_.rlim_max};
    is_set_ = ::setrlimit(RLIMIT_DATA, &limit) == 0;
#endif
}

MemoryLimit::~MemoryLimit() {
    if (is_set_) ::setrlimit(RLIMIT_DATA, &before_);
}

} // namespace poppass
