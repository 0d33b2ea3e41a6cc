// The records that programs of a chain read on descriptor 3: the checkpassword record
// (https://cr.yp.to/checkpwd/interface.html) and the setpassword record that qmail-poppass writes
// and vsetpass reads. poppass-chain(7) describes both.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"

#include <cstddef>
#include <string_view>

namespace poppass {

// The longest record, in bytes. Every NUL counts.
inline constexpr std::size_t longest_record = 512;

// Views into the record's buffer. In the buffer a NUL follows each string.
struct CheckRecord {
    std::string_view login;
    std::string_view password;
    std::string_view timestamp; // empty: a plain password
};

struct SetRecord {
    std::string_view login;
    std::string_view old_password;
    std::string_view new_password;
};

// Login, password, timestamp, each ended by NUL; anything may follow. Otherwise misuse.
Result<CheckRecord> parse_check_record(std::string_view bytes);

// Login, old password, an empty response, a new password that is not empty, each ended by NUL, and
// nothing more. Otherwise misuse.
Result<SetRecord> parse_set_record(std::string_view bytes);

// Put a record together. The strings must hold no NUL; the front end makes sure of that. If the
// record would be too long, they return false and `into` is empty.
[[nodiscard]] bool make_check_record(Secret& into, std::string_view login,
                                     std::string_view password);
[[nodiscard]] bool make_set_record(Secret& into, std::string_view login,
                                   std::string_view old_password, std::string_view new_password);

// Reads descriptor `fd` to its end. It is misuse if the descriptor is not open for reading, is a
// directory, or gives more than longest_record bytes; another failure is trouble. `into` must have
// room for one byte more than the longest record.
Result<void> read_record(int fd, Secret& into);

} // namespace poppass
