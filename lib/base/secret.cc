#include "base/secret.hh"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string.h>
#include <sys/mman.h>
#ifdef POPPASS_LINUX
#include <sys/prctl.h>
#endif

namespace poppass {

Secret::Secret(std::size_t capacity) : capacity_(capacity) {
    void* const pages =
        ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc{};
    bytes_ = static_cast<char*>(pages);
    // Each of these is an additional protection for a process that cannot be dumped anyway. Where a
    // limit or the kernel refuses one, the program goes on without it.
#ifdef MLOCK_ONFAULT
    if (::mlock2(pages, capacity, MLOCK_ONFAULT) != 0)
#endif
        (void)::mlock(pages, capacity);
#ifdef MADV_DONTDUMP
    (void)::madvise(pages, capacity, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
    (void)::madvise(pages, capacity, MADV_WIPEONFORK);
#endif
}

Secret::~Secret() {
    wipe();
    ::munmap(bytes_, capacity_);
}

void Secret::resize(std::size_t size) {
    if (size > capacity_) std::abort();
    size_ = size;
}

bool Secret::assign(std::initializer_list<std::string_view> parts) {
    wipe();
    for (const std::string_view part : parts) {
        if (part.size() > capacity_ - size_) {
            wipe();
            return false;
        }
        part.copy(bytes_ + size_, part.size());
        size_ += part.size();
    }
    return true;
}

void Secret::drop_front(std::size_t count) {
    if (count > size_) std::abort();
    std::memmove(bytes_, bytes_ + count, size_ - count);
    poppass::wipe({bytes_ + size_ - count, count});
    size_ -= count;
}

void Secret::wipe() {
    poppass::wipe({bytes_, capacity_});
    size_ = 0;
}

Result<void> make_undumpable() {
#if defined(POPPASS_LINUX) && !defined(POPPASS_SANITIZED)
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_trouble("forbid core dumps");
#endif
    return {};
}

void wipe(std::span<char> bytes) { ::explicit_bzero(bytes.data(), bytes.size()); }

} // namespace poppass

// This replaces libstdc++'s handler, which would write the text of an exception to descriptor 2 and
// would add much code to a static program.
namespace __gnu_cxx {
void __verbose_terminate_handler() { std::abort(); } // NOLINT(bugprone-reserved-identifier)
} // namespace __gnu_cxx
