#include "accounts.hh"

#include <algorithm>
#include <cstdio>
#include <grp.h>
#include <memory>
#include <pwd.h>

namespace poppass {

namespace {

struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
};

// NIS lines (`+`, `-name`) come without some of their strings, and with uid 0.
bool is_nis(const char* name) { return name[0] == '+' || name[0] == '-'; }

// Hands each entry of the file to `take`, until that returns true.
template <class Next, class Take> Result<void> each_entry(const char* path, Next next, Take take) {
    const std::unique_ptr<FILE, Close> file{std::fopen(path, "re")};
    if (!file) {
        if (errno == ENOENT) return {};
        return system_trouble("open", path);
    }
    while (const auto* const entry = next(file.get()))
        if (take(*entry)) return {};
    if (std::ferror(file.get()) != 0) return system_trouble("read", path);
    return {};
}

template <class Wanted> Result<std::optional<Account>> find_if_wanted(Wanted wanted) {
    std::optional<Account> found;
    const auto done = each_entry("/etc/passwd", ::fgetpwent, [&](const passwd& entry) {
        if (is_nis(entry.pw_name) || !wanted(entry)) return false;
        found = Account{entry.pw_name, entry.pw_uid,   entry.pw_gid,
                        entry.pw_dir,  entry.pw_shell, entry.pw_gecos};
        return true;
    });
    if (!done) return done.error();
    return found;
}

} // namespace

Result<std::optional<Account>> find_account(std::string_view name) {
    return find_if_wanted([&](const passwd& entry) { return entry.pw_name == name; });
}

Result<std::optional<Account>> find_account(uid_t uid) {
    return find_if_wanted([&](const passwd& entry) { return entry.pw_uid == uid; });
}

Result<std::vector<gid_t>> find_groups(std::string_view name, gid_t gid) {
    std::vector<gid_t> groups{gid};
    const auto done = each_entry("/etc/group", ::fgetgrent, [&](const group& entry) {
        char** member = entry.gr_mem;
        while (*member != nullptr && *member != name) ++member;
        const bool known = std::find(groups.begin(), groups.end(), entry.gr_gid) != groups.end();
        if (*member != nullptr && !known && !is_nis(entry.gr_name)) groups.push_back(entry.gr_gid);
        return false;
    });
    if (!done) return done.error();
    return groups;
}

} // namespace poppass
