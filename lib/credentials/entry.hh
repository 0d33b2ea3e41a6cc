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

// shadow(5)'s dates; a field that is empty or negative is nothing, but for the last change: there 0
// has a meaning of its own (the password must be changed), and nothing switches aging off.
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

// Whether a line has the form of shadow(5): nine fields, those after the hash empty or numbers, and
// no passwd-file scheme. A CR at its end does not count, though no entry of shadow(5) has one.
bool has_shadow_form(std::string_view line);

// Where the name ends: the first of both separators; npos where there is none.
std::size_t find_separator(std::string_view line);

// A line without its line feed, as one of this format. Nothing where it is not: a wrong number of
// fields, a date that is no number, a byte below 32 in name or hash, a name that is no login.
std::optional<Entry> parse_entry(std::string_view line, Format format);

// Whether a name may be looked up and written: not empty, no `#`, `+` or `-` in front, neither
// separator in it, and no control bytes.
bool is_login(std::string_view name);

// Whether crypt(3) does the hashes of this passwd-file scheme ("{CRYPT}" and its like, in any case,
// or none).
bool is_crypt_scheme(std::string_view scheme);

// The libcrypt method that new hashes under this scheme must have; empty: any.
std::string_view method_of_scheme(std::string_view scheme);

// The hash to verify a password with; empty, which matches none, where there is no entry or its
// scheme is not crypt(3)'s.
std::string hash_to_verify(const std::optional<Entry>& entry);

// The line with one field replaced. The field must be there, and the value may hold no separator.
std::string replace_field(const Entry& entry, Field field, std::string_view value);

// The line with a new hash, its lock gone. `scheme` is written before it (passwd-file); shadow(5)'s
// date of the last change becomes `today`.
std::string replace_hash(const Entry& entry, std::string_view scheme, std::string_view hash,
                         Days today);

// A line for a new user.
std::string make_line(Format format, char separator, std::string_view name, std::string_view hash,
                      Days today);

// What the entry says of its user on that day. In this order: what comes first counts.
enum class Standing {
    usable,
    locked,      // by `!` or `*`, or the hash is empty
    expired,     // the account
    inactive,    // the password has not been changed for so long that it can no longer be
    must_change, // the password
};
Standing standing(const Entry& entry, Days today);

// Whether the user may change the password on that day, as far as the dates go.
enum class Changeable {
    yes,
    too_young, // the last change is not minimum days ago
    never,     // the maximum is below the minimum
};
Changeable changeable(const Aging& aging, Days today);

} // namespace poppass
