// Secret: the one kind of buffer that passwords and the records that hold them live in.
#pragma once

#include "base/result.hh"

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

namespace poppass {

// A fixed number of bytes on pages of its own: locked where the limits allow, left out of core
// dumps, read as zeros by forked children, cleared on destruction. Cannot be copied or printed.
// Views of it must not outlive it.
class Secret {
public:
    // Throws std::bad_alloc where there is no memory.
    explicit Secret(std::size_t capacity);
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    std::size_t capacity() const { return capacity_; }
    std::size_t size() const { return size_; }
    std::string_view view() const { return {bytes_, size_}; }

    // All of the storage, to read into. Call resize() afterwards with the number of bytes in use.
    std::span<char> storage() { return {bytes_, capacity_}; }
    void resize(std::size_t size);

    // Replaces the content with `parts`, one after the other; false, and empty, if they do not fit.
    // The parts may not lie in this buffer.
    [[nodiscard]] bool assign(std::initializer_list<std::string_view> parts);

    // Drops the first `count` bytes. The rest moves to the front, and its old place is wiped.
    void drop_front(std::size_t count);

    void wipe();

private:
    char* bytes_;
    std::size_t capacity_;
    std::size_t size_ = 0;
};

// Forbids core dumps of this process, and forbids other processes of its uid to read its memory.
// Every program that takes passwords calls it before the first one. Only Linux has it. Builds with
// sanitizers leave it out, because these trace the process.
Result<void> make_undumpable();

// Clears memory that the compiler believes nobody reads again.
void wipe(std::span<char> bytes);

} // namespace poppass
