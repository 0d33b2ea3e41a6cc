// Makes the changes that passwd(1)'s options ask for in a user's line, and the line of -S. Pure.
#pragma once

#include "base/result.hh"
#include "credentials/entry.hh"

#include <optional>
#include <string>

namespace poppass {

struct LineChanges {
    // These changes are made in this order: -d, -u, -l.
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

// The line with these changes; all other fields stay. Unlocking a line that has only the lock and
// no hash is trouble. A passwd-file has no dates: changing dates is misuse there.
Result<std::string> change_line(const Entry& entry, const LineChanges& changes);

// The line of -S, without line feed: name, as for_terminal shows it; P (a password), L (locked) or
// NP (no password); the day of the last change; minimum, maximum, warning, inactive in days. A
// missing value is `never` or -1.
std::string status_line(const Entry& entry);

// Whether the password has to be changed before it can be used again.
bool has_expired(const Entry& entry, Days today);

} // namespace poppass
