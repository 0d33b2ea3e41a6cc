// One line of a credential file and its fields: shadow(5), or Dovecot's passwd-file with the
// separator `:` or `|`. Pure: knows neither files nor clocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

enum class Format { shadow, passwd_file };

// Days since 1970-01-01 UTC, as shadow(5) counts them; may be negative.
using Days = std::int64_t;

// The dates of shadow(5). An empty or negative field has no value. In `changed`, 0 means that the
// password must be changed, and no value means that the password does not age.
struct Aging {
    std::optional<Days> changed;
    std::optional<Days> minimum;
    std::optional<Days> maximum;
    std::optional<Days> warning;
    std::optional<Days> inactive;
    std::optional<Days> expires;
};

// Views into the line that it was parsed from.
struct Entry {
    Format format;
    char separator;
    std::string_view line;
    std::string_view name;
    std::string_view scheme;   // passwd-file: "{SHA512-CRYPT}" as it is written, or empty
    bool locked;               // a `!` before the hash
    std::string_view hash;     // without scheme and `!`s
    std::string_view password; // the hash with its `!`s
    Aging aging;               // shadow
    std::string_view uid;      // passwd-file with `:`; empty where missing
    std::string_view gid;
    std::string_view home;
    std::string_view shell;
    std::string_view extra; // passwd-file: Dovecot's extra fields
};

// Where a field stands in a line; the first two are the same in both formats.
enum class Field : std::size_t {
    name,
    hash,
    changed,
    minimum,
    maximum,
    warning,
    inactive,
    expires
};

// Whether a line has the form of shadow(5): nine fields, of which those after the hash are empty or
// numbers, and no passwd-file scheme. A CR at its end is ignored here, although parse_entry refuses
// such a line.
bool has_shadow_form(std::string_view line);

// Where the name ends: at the first `:` or `|`; npos if there is none.
std::size_t find_separator(std::string_view line);

// Parses a line without its line feed. Returns nothing if it is malformed in this format: a wrong
// number of fields, a date that is no number, a control byte in the name or the hash, or a name
// that is no login.
std::optional<Entry> parse_entry(std::string_view line, Format format);

// Whether a name may be looked up and written: not empty, no `#`, `+` or `-` in front, neither
// separator in it, and no control bytes.
bool is_login(std::string_view name);

// Whether the hashes of this passwd-file scheme are those of crypt(3): "{CRYPT}" and its like in
// any case of letters, or no scheme.
bool is_crypt_scheme(std::string_view scheme);

// The entry's hash of crypt(3). It is empty, and matches no password, if there is no entry or its
// scheme is not one of crypt(3).
std::string hash_to_verify(const std::optional<Entry>& entry);

// The same hash, found quickly in a line of either format whose name ends there. One of another
// scheme comes with the scheme, and not at all if it is locked. The rest of the line may be
// malformed.
std::string_view hash_to_count(std::string_view line, std::size_t name_end);

// The line with one field replaced. The line must have the field, and the value must not contain a
// separator.
std::string replace_field(const Entry& entry, Field field, std::string_view value);

// The line with a new hash, and without its lock. `scheme` is written before the hash
// (passwd-file); the date of the last change of shadow(5) becomes `today`.
std::string replace_hash(const Entry& entry, std::string_view scheme, std::string_view hash,
                         Days today);

// A line for a new user.
std::string make_line(Format format, char separator, std::string_view name, std::string_view hash,
                      Days today);

// Whether the user can use the password on that day. If several of these are true, the first one of
// locked, expired, inactive and must_change counts.
enum class Standing {
    usable,
    locked,      // by `!` or `*`, or the hash is empty
    expired,     // the account
    inactive,    // the password expired so long ago that it cannot be changed any more
    must_change, // the password
};
Standing standing(const Entry& entry, Days today);

// Whether the user may change the password on that day, as far as the dates go.
enum class Changeable {
    yes,
    too_young, // the last change was less than `minimum` days ago
    never,     // `maximum` is below `minimum`
};
Changeable changeable(const Aging& aging, Days today);

} // namespace poppass
