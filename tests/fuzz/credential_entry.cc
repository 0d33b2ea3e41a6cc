// A line of a credential file, in both formats. Lines of the input: the line itself, a new hash, a
// date, a number of days for today.
#include "credentials/entry.hh"

#include "fuzz/target.hh"

#include <algorithm>
#include <string>
#include <vector>

namespace poppass::fuzz {

namespace {

// What none of our formats may have in a name.
bool is_bad_name(std::string_view name) {
    return name.empty() || name[0] == '#' || name[0] == '+' || name[0] == '-' ||
           name.find_first_of(":|") != name.npos || has_control(name);
}

std::vector<std::string_view> split(std::string_view line, char separator) {
    std::vector<std::string_view> fields;
    for (std::size_t end; (end = line.find(separator)) != line.npos; line.remove_prefix(end + 1))
        fields.push_back(line.substr(0, end));
    fields.push_back(line);
    return fields;
}

// Whether all fields but those two are the same.
bool others_stay(std::string_view before, std::string_view after, char separator, Field one,
                 Field other) {
    const auto old_fields = split(before, separator);
    const auto new_fields = split(after, separator);
    if (old_fields.size() != new_fields.size()) return false;
    for (std::size_t i = 0; i < old_fields.size(); ++i) {
        const auto field = static_cast<Field>(i);
        if (field != one && field != other && old_fields[i] != new_fields[i]) return false;
    }
    return true;
}

// A value that can be written: libcrypt's hashes have no other bytes.
std::string hash_of(std::string_view text) {
    std::string hash{text};
    std::erase_if(hash, [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return !letter && !(c >= '0' && c <= '9') &&
               std::string_view{"./$,="}.find(c) == std::string_view::npos;
    });
    return "$" + hash;
}

void check_parsed(const Entry& entry, std::string_view line) {
    must(!is_bad_name(entry.name), "no name that is not a login is ever parsed");
    must(!has_control(entry.hash), "no hash holds control bytes");
    for (const auto view : {entry.line, entry.name, entry.hash})
        must(is_within(view, line), "fields are views into the line");
    must(line.starts_with(entry.name) && line[entry.name.size()] == entry.separator,
         "the name is what stands before the first separator");
    must(entry.hash.empty() || entry.hash.front() != '!', "no `!` is left of a lock");
    const std::string verified = hash_to_verify(entry);
    must(verified.empty() || (verified == entry.hash && is_crypt_scheme(entry.scheme)),
         "a hash is verified as it stands, or none is");
}

void check_changes(const Entry& entry, std::string_view hash, std::string_view date, Days today) {
    const std::string_view scheme = entry.scheme.empty() ? "" : "{CRYPT}";
    const std::string line = replace_hash(entry, scheme, hash, today);
    const auto again = parse_entry(line, entry.format);
    must(again.has_value(), "a changed line parses again");
    must(again->hash == hash && again->scheme == scheme && !again->locked,
         "to the hash that was set, unlocked");
    must(others_stay(entry.line, line, entry.separator, Field::hash,
                     entry.format == Format::shadow ? Field::changed : Field::hash),
         "and all other fields stay");
    if (entry.format == Format::shadow)
        must(again->aging.changed == (today > 0 ? std::optional{today} : std::nullopt),
             "the date of the change is today's");
    must(has_shadow_form(line) == (entry.format == Format::shadow || has_shadow_form(entry.line)),
         "a line keeps its form");

    const std::string locked =
        replace_field(entry, Field::hash, std::string{entry.scheme}.append("!").append(entry.hash));
    const auto locked_entry = parse_entry(locked, entry.format);
    must(locked_entry && locked_entry->locked && locked_entry->hash == entry.hash,
         "a lock is before the hash, and keeps it");
    must(standing(*locked_entry, today) == Standing::locked, "who is locked is locked");

    if (entry.format != Format::shadow) return;
    for (const auto field : {Field::changed, Field::minimum, Field::maximum, Field::warning,
                             Field::inactive, Field::expires}) {
        const std::string dated = replace_field(entry, field, date);
        const auto dated_entry = parse_entry(dated, Format::shadow);
        must(dated_entry && dated_entry->hash == entry.hash, "a new date keeps the hash");
        must(others_stay(entry.line, dated, ':', field, field), "and all other fields");
    }
}

void check_line(std::string_view line, Format format, std::string_view hash, std::string_view date,
                Days today) {
    const auto entry = parse_entry(line, format);
    if (!entry) return;
    must(entry->format == format, "the format is the one that was asked for");
    check_parsed(*entry, line);
    // Any dates, any day: the sanitizer reports a sum that overflows.
    const Standing now = standing(*entry, today);
    if (entry->hash.empty() || entry->locked || entry->hash.front() == '*')
        must(now == Standing::locked, "an empty, locked or starred hash lets nobody in");
    (void)changeable(entry->aging, today);
    check_changes(*entry, hash, date, today);
}

} // namespace

void try_input(std::string_view input) {
    const std::string_view line = take(input);
    const std::string hash = hash_of(take(input));
    const std::string date = std::to_string(take_number(input));
    const Days today = take_number(input);

    const std::string_view name = line.substr(0, find_separator(line));
    must(is_login(name) == !is_bad_name(name), "a login is what is no bad name");
    must(is_login(line) == !is_bad_name(line), "nor is one with a separator in it");
    for (const auto format : {Format::shadow, Format::passwd_file})
        check_line(line, format, hash, date, today);

    if (!is_login(name)) return;
    for (const char separator : {':', '|'})
        for (const auto format : {Format::shadow, Format::passwd_file}) {
            if (format == Format::shadow && separator == '|') continue;
            const std::string made = make_line(format, separator, name, hash, today);
            const auto entry = parse_entry(made, format);
            must(entry && entry->name == name && entry->hash == hash && !entry->locked,
                 "a line for a new user is understood");
            must(has_shadow_form(made) == (format == Format::shadow), "in its format");
        }
}

} // namespace poppass::fuzz
