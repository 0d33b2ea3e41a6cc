// A limit on the memory of a client library.
#pragma once

#include <sys/resource.h>

namespace poppass {

// While it exists, this process gets no more memory than 64 MB. libpq and libmariadb take as much
// as the messages of a server say, and whoever can write a row could let it be a gigabyte.
class MemoryLimit {
public:
    MemoryLimit();
    MemoryLimit(const MemoryLimit&) = delete;
    MemoryLimit& operator=(const MemoryLimit&) = delete;
    ~MemoryLimit();

private:
    rlimit before_{};
    bool is_set_ = false;
};

} // namespace poppass
