#include "credentials/entry.hh"

#include "base/text.hh"
#include "hash/scheme.hh"

#include <algorithm>
#include <array>
#include <charconv>

namespace poppass {

namespace {

constexpr std::size_t shadow_fields = 9;

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), is_control);
}

using ShadowFields = std::array<std::string_view, shadow_fields>;

std::optional<ShadowFields> split_shadow(std::string_view line) {
    if (std::count(line.begin(), line.end(), ':') != shadow_fields - 1) return std::nullopt;
    ShadowFields fields;
    for (auto& field : fields) field = take_until(line, ':');
    return fields;
}

// Parses a number of at most 18 digits, so that a sum of two does not overflow. False if it is
// none.
bool parse_days(std::string_view text, std::optional<Days>& into) {
    if (text.empty()) return true;
    Days days = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
    if (error != std::errc{} || end != text.data() + text.size() || text.size() > 18) return false;
    if (days >= 0) into = days;
    return true;
}

std::optional<Aging> parse_aging(const ShadowFields& fields) {
    Aging aging;
    std::optional<Days> reserved;
    const bool good =
        parse_days(fields[2], aging.changed) && parse_days(fields[3], aging.minimum) &&
        parse_days(fields[4], aging.maximum) && parse_days(fields[5], aging.warning) &&
        parse_days(fields[6], aging.inactive) && parse_days(fields[7], aging.expires) &&
        parse_days(fields[8], reserved);
    return good ? std::optional{aging} : std::nullopt;
}

// The text after the `!`s.
std::string_view unlocked(std::string_view hash) {
    return hash.substr(std::min(hash.find_first_not_of('!'), hash.size()));
}

// Takes a scheme "{...}" off the front. Returns an empty one if there is none, and nothing if it
// has no end.
std::optional<std::string_view> take_scheme(std::string_view& hash) {
    if (!hash.starts_with('{')) return std::string_view{};
    const std::size_t end = hash.find('}');
    if (end == hash.npos) return std::nullopt;
    const std::string_view scheme = hash.substr(0, end + 1);
    hash.remove_prefix(end + 1);
    return scheme;
}

void set_hash(Entry& entry, std::string_view hash) {
    entry.password = hash;
    entry.hash = unlocked(hash);
    entry.locked = entry.hash.size() < hash.size();
}

std::optional<Entry> parse_shadow(std::string_view line) {
    const auto fields = split_shadow(line);
    if (!fields) return std::nullopt;
    const auto aging = parse_aging(*fields);
    if (!aging) return std::nullopt;
    Entry entry{.format = Format::shadow, .separator = ':', .line = line, .name = (*fields)[0]};
    entry.aging = *aging;
    set_hash(entry, (*fields)[1]);
    return entry;
}

std::optional<Entry> parse_passwd_file(std::string_view line) {
    const std::size_t first = find_separator(line);
    if (first == line.npos) return std::nullopt;
    Entry entry{.format = Format::passwd_file, .separator = line[first], .line = line};
    std::string_view rest = line;
    entry.name = take_until(rest, entry.separator);
    std::string_view hash = take_until(rest, entry.separator);
    const auto scheme = take_scheme(hash);
    if (!scheme) return std::nullopt;
    entry.scheme = *scheme;
    set_hash(entry, hash);
    if (entry.separator != ':') {
        entry.extra = rest; // docker-mailserver hands them on to Dovecot
        return entry;
    }
    entry.uid = take_until(rest, entry.separator);
    entry.gid = take_until(rest, entry.separator);
    take_until(rest, entry.separator); // gecos
    entry.home = take_until(rest, entry.separator);
    entry.shell = take_until(rest, entry.separator);
    entry.extra = rest;
    return entry;
}

// On a machine that has lost its clock the day is 0, and 0 would mean that the password must be
// changed.
std::string date_of_change(Days today) { return today > 0 ? std::to_string(today) : std::string{}; }

} // namespace

std::size_t find_separator(std::string_view line) {
    std::size_t at = 0; // quicker than find_first_of, because names are short
    while (at < line.size() && line[at] != ':' && line[at] != '|') ++at;
    return at < line.size() ? at : line.npos;
}

bool has_shadow_form(std::string_view line) {
    // In a passwd-file the beginning of the hash is mostly enough to tell.
    const std::size_t name_end = find_separator(line);
    if (name_end == line.npos || line[name_end] != ':' ||
        line.substr(name_end + 1).starts_with('{'))
        return false;
    // A shadow file saved with CR LF is malformed. If it passed for a passwd-file, its dates would
    // be uids and gids.
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto fields = split_shadow(line);
    return fields && parse_aging(*fields);
}

std::optional<Entry> parse_entry(std::string_view line, Format format) {
    const auto entry = format == Format::shadow ? parse_shadow(line) : parse_passwd_file(line);
    if (!entry || !is_login(entry->name) || has_control(entry->hash)) return std::nullopt;
    return entry;
}

bool is_login(std::string_view name) {
    constexpr std::string_view not_in_front = "#+-";
    return !name.empty() && not_in_front.find(name.front()) == name.npos &&
           find_separator(name) == name.npos && !has_control(name);
}

bool is_crypt_scheme(std::string_view scheme) {
    if (scheme.empty()) return true;
    const auto found = find_scheme(scheme.substr(1, scheme.size() - 2));
    return found && (*found)->function == HashFunction::crypt;
}

std::string hash_to_verify(const std::optional<Entry>& entry) {
    return std::string{entry && is_crypt_scheme(entry->scheme) ? entry->hash : std::string_view{}};
}

std::string_view hash_to_count(std::string_view line, std::size_t name_end) {
    std::string_view rest = line.substr(name_end + 1);
    std::string_view hash = take_until(rest, line[name_end]);
    const std::string_view stored = hash;
    const auto scheme = take_scheme(hash);
    if (!scheme) return {};
    if (is_crypt_scheme(*scheme)) return unlocked(hash);
    return hash.starts_with('!') ? std::string_view{} : stored;
}

std::string replace_field(const Entry& entry, Field field, std::string_view value) {
    std::size_t begin = 0;
    for (std::size_t left = static_cast<std::size_t>(field); left > 0; --left)
        begin = entry.line.find(entry.separator, begin) + 1;
    const std::size_t end = std::min(entry.line.find(entry.separator, begin), entry.line.size());
    std::string line{entry.line};
    return line.replace(begin, end - begin, value);
}

std::string replace_hash(const Entry& entry, std::string_view scheme, std::string_view hash,
                         Days today) {
    std::string line = replace_field(entry, Field::hash, std::string{scheme}.append(hash));
    if (entry.format != Format::shadow) return line;
    Entry changed = entry;
    changed.line = line;
    return replace_field(changed, Field::changed, date_of_change(today));
}

std::string make_line(Format format, char separator, std::string_view name, std::string_view hash,
                      Days today) {
    std::string line{name};
    line += separator;
    // As useradd(8) writes it: no minimum, in effect no maximum, a week of warning.
    if (format == Format::shadow)
        return line.append(hash).append(":" + date_of_change(today) + ":0:99999:7:::");
    return line.append("{CRYPT}").append(hash);
}

Standing standing(const Entry& entry, Days today) {
    const Aging& aging = entry.aging;
    if (entry.locked || entry.hash.empty() || entry.hash.starts_with('*')) return Standing::locked;
    if (aging.expires && today >= *aging.expires) return Standing::expired;
    if (!aging.changed || today < *aging.changed) return Standing::usable;
    if (*aging.changed == 0) return Standing::must_change;
    if (!aging.maximum || today <= *aging.changed + *aging.maximum) return Standing::usable;
    if (aging.inactive && today > *aging.changed + *aging.maximum + *aging.inactive)
        return Standing::inactive;
    return Standing::must_change;
}

Changeable changeable(const Aging& aging, Days today) {
    if (aging.maximum && *aging.maximum < aging.minimum.value_or(0)) return Changeable::never;
    if (!aging.changed || *aging.changed == 0 || today < *aging.changed) return Changeable::yes;
    return today < *aging.changed + aging.minimum.value_or(0) ? Changeable::too_young
                                                              : Changeable::yes;
}

} // namespace poppass
