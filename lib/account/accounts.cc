#include "account/accounts.hh"

#include "base/fd.hh"
#include "base/lines.hh"
#include "base/settings.hh"

#include <algorithm>
#include <array>
#include <fcntl.h>

namespace poppass {

namespace {

// A group may have many members. malloc takes a block of this size from the kernel, and gives it
// back.
constexpr std::size_t longest_line = 1'048'576;

// Splits a line at its first colons; the last field is all the rest. Returns nothing if there are
// fewer fields or the name is empty, for a comment, and for a line of NIS (`+`, `-name`).
template <std::size_t count>
std::optional<std::array<std::string_view, count>> split(std::string_view line) {
    if (line.empty() || std::string_view{":#+-"}.find(line.front()) != line.npos) return {};
    std::array<std::string_view, count> fields;
    for (std::size_t i = 0; i + 1 < count; ++i) {
        const auto colon = line.find(':');
        if (colon == line.npos) return {};
        fields[i] = line.substr(0, colon);
        line.remove_prefix(colon + 1);
    }
    fields.back() = line;
    return fields;
}

Result<std::int64_t> parse_id(std::string_view text) {
    return parse_number("id", text, 0, 4'294'967'294); // the next one, (uid_t)-1, means no user
}

// Calls `take` with each line of the file until it returns true.
template <class Take> Result<void> each_entry(const char* path, Take take) {
    const Fd file{retried([&] { return ::open(path, O_RDONLY | O_CLOEXEC); })};
    if (!file) {
        if (errno == ENOENT) return {};
        return system_trouble("open", path);
    }
    auto read = each_line(file.get(), longest_line,
                          [&](std::string_view line, bool) { return !take(line); });
    if (!read) read.error().what = std::string{path} + ": " + read.error().what;
    return read;
}

template <class Wanted> Result<std::optional<Account>> find_if_wanted(Wanted wanted) {
    std::optional<Account> found;
    const auto done = each_entry("/etc/passwd", [&](std::string_view line) {
        const auto fields = split<7>(line);
        if (!fields) return false;
        const auto& [name, password, uid_text, gid_text, gecos, home, shell] = *fields;
        const auto uid = parse_id(uid_text);
        const auto gid = parse_id(gid_text);
        if (!uid || !gid || !wanted(name, static_cast<uid_t>(*uid))) return false;
        found = Account{std::string{name}, static_cast<uid_t>(*uid), static_cast<gid_t>(*gid),
                        std::string{home}, std::string{shell},       std::string{gecos}};
        return true;
    });
    if (!done) return done.error();
    return found;
}

bool is_member(std::string_view members, std::string_view name) {
    while (!members.empty()) {
        const auto comma = std::min(members.find(','), members.size());
        if (members.substr(0, comma) == name) return true;
        members.remove_prefix(std::min(comma + 1, members.size()));
    }
    return false;
}

} // namespace

Result<std::optional<Account>> find_account(std::string_view wanted) {
    return find_if_wanted([&](std::string_view name, uid_t) { return name == wanted; });
}

Result<std::optional<Account>> find_account(uid_t wanted) {
    return find_if_wanted([&](std::string_view, uid_t uid) { return uid == wanted; });
}

Result<std::vector<gid_t>> find_groups(std::string_view name, gid_t gid) {
    std::vector<gid_t> groups{gid};
    const auto done = each_entry("/etc/group", [&](std::string_view line) {
        const auto fields = split<4>(line);
        if (!fields || !is_member((*fields)[3], name)) return false;
        const auto id = parse_id((*fields)[2]);
        if (id && std::find(groups.begin(), groups.end(), *id) == groups.end())
            groups.push_back(static_cast<gid_t>(*id));
        return false;
    });
    if (!done) return done.error();
    return groups;
}

} // namespace poppass
