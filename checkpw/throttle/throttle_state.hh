// The guard's table in its file, locked.
#pragma once

#include "base/fd.hh"
#include "throttle/throttle.hh"

#include <memory>
#include <string>

namespace poppass {

// What the file DIRECTORY/state is.
struct ThrottleFile {
    std::array<char, 16> magic; // written last
    std::array<LittleEndian<std::uint64_t>, 2> key;
    ThrottleTable table;
};

// While it lives, this process alone has the table; what is written there is in the file at once.
class ThrottleState {
public:
    // Makes the directory (0700) and the file (0600) where they are missing. The directory must be
    // our own and no others' to write. A file that is not one of ours, or is torn, is made anew,
    // empty, with a key of its own. A lock that cannot be had within a second is an error with
    // EAGAIN.
    static Result<ThrottleState> open(const std::string& directory);

    Throttle throttle(ThrottleLimits limits) { return {file_->table, key(), limits}; }
    SipKey key() const { return {file_->key[0], file_->key[1]}; }

    // The time. Only under the lock: from before it, it could be behind another process's.
    Seconds now() const;

private:
    struct Unmap {
        void operator()(ThrottleFile* file) const;
    };
    using Mapping = std::unique_ptr<ThrottleFile, Unmap>;
    ThrottleState(Fd lock, Mapping file) : lock_(std::move(lock)), file_(std::move(file)) {}

    Fd lock_; // goes with the descriptor
    Mapping file_;
};

} // namespace poppass
