// The guard's table in its file, under a lock.
#pragma once

#include "base/fd.hh"
#include "link/report.hh"
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

// While it exists, this process has the lock on the table. The table is the mapped file, so the
// file has what is written there at once.
class ThrottleState {
public:
    // Makes the directory (0700) and the file (0600) if they are missing. The directory must belong
    // to us, and nobody else may write to it, or put another one in its place. A file that is not
    // ours or not complete is made anew: empty, and with a new key. A lock that cannot be had
    // within a second is an error with EAGAIN.
    static Result<ThrottleState> open(const std::string& directory);

    Throttle throttle(ThrottleLimits limits) { return {file_->table, key(), limits}; }
    SipKey key() const { return {file_->key[0], file_->key[1]}; }

    // The time of the wall clock. It is read under the lock, because a time from before could be
    // behind that of another process.
    Seconds now() const;

private:
    struct Unmap {
        void operator()(ThrottleFile* file) const;
    };
    using Mapping = std::unique_ptr<ThrottleFile, Unmap>;
    ThrottleState(Fd lock, Mapping file) : lock_(std::move(lock)), file_(std::move(file)) {}

    Fd lock_; // ends when the descriptor is closed
    Mapping file_;
};

// Reports whether ThrottleState::open will succeed, and with the counts that are there. Changes
// nothing.
void look_over_state(const std::string& directory, Report& report);

} // namespace poppass
