// What passwd(1)'s options do to a user's line, and what -S says of it. Pure.
#pragma once

#include "credentials/entry.hh"
#include "base/result.hh"

#include <optional>
#include <string>

namespace poppass {

struct LineChanges {
    // Done in this order: -d, -u, -l.
    bool remove_password = false;
    bool unlock = false;
    bool lock = false;
    bool expire = false;          // -e
    std::optional<Days> minimum;  // -n; below 0: the field becomes empty
    std::optional<Days> maximum;  // -x
    std::optional<Days> warning;  // -w
    std::optional<Days> inactive; // -i

    bool any() const { return remove_password || unlock || lock || need_dates(); }
    bool need_dates() const { return expire || minimum || maximum || warning || inactive; }
};

// The line changed so; every other field stays. Unlocking what has no password but the lock is
// trouble. A passwd-file has no dates: changes that need some are misuse.
Result<std::string> change_line(const Entry& entry, const LineChanges& changes);

// The line of -S, without line feed: name; P, L (locked) or NP (no password); the day of the last
// change; minimum, maximum, warning, inactive in days. What is not there is `never` or -1.
std::string status_line(const Entry& entry);

// Whether the password has to be changed before it can be used again.
bool has_expired(const Entry& entry, Days today);

} // namespace poppass
