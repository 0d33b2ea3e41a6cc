#include "link/native_user.hh"

#include "base/settings.hh"
#include "process/become_user.hh"

#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace poppass {

namespace {

bool is_dovecot() { return environment("DOVECOT_VERSION").has_value(); }

// Sets the variable, or unsets it if the value is empty.
bool set_variable(const char* name, const std::string& value) {
    return (value.empty() ? ::unsetenv(name) : ::setenv(name, value.c_str(), 1)) == 0;
}

bool set_environment(const StoredUser& user) {
    if (!set_variable("HOME", user.home) || !set_variable("SHELL", user.shell)) return false;
    if (!is_dovecot() || !user.ids) return true;
    std::string extra{environment("EXTRA").value_or("")};
    extra.append(extra.empty() ? "" : " ").append("userdb_uid userdb_gid");
    return set_variable("userdb_uid", std::to_string(user.ids->uid)) &&
           set_variable("userdb_gid", std::to_string(user.ids->gid)) &&
           set_variable("EXTRA", extra);
}

Result<UserIds> ids_of(const Account& account) {
    auto groups = find_groups(account.name, account.gid);
    if (!groups) return groups.error();
    return UserIds{account.uid, account.gid, std::move(*groups)};
}

// Settles which ids the user has. Every store's answer passes here.
Result<void> settle_ids(StoredUser& user, const NativeOptions& options) {
    if (!user.ids && options.virtual_account) {
        auto ids = ids_of(*options.virtual_account);
        if (!ids) return ids.error();
        user.ids = std::move(*ids);
    }
    if (user.ids && (user.ids->uid == 0 || user.ids->gid == 0))
        return trouble("become " + user.name + ": no user gets the uid or the gid of root");
    if (!user.ids && ::geteuid() == 0 && !is_dovecot())
        return trouble("run a program for " + user.name +
                       ": this user has no account, and root runs no program for a user; name the "
                       "account for such users with --virtual, or do not start the chain as root");
    return {};
}

Result<void> take_ids(const UserIds& ids) {
    // Without root only our own ids can be taken.
    if (::geteuid() != 0 && ids.uid == ::getuid() && ids.uid == ::geteuid() &&
        ids.gid == ::getgid() && ids.gid == ::getegid())
        return {};
    return become_user(ids.uid, ids.gid, ids.groups);
}

} // namespace

bool environment_is_native() { return environment("NATIVE_CHECKPASSWORD") || is_dovecot(); }

DovecotLookup dovecot_lookup() {
    constexpr int reply = 4;
    if (!is_dovecot() || environment("AUTHORIZED") != "1" || ::fcntl(reply, F_GETFD) == -1)
        return DovecotLookup::none;
    return environment("CREDENTIALS_LOOKUP") ? DovecotLookup::credentials : DovecotLookup::user;
}

Result<StoredUser> native_user(std::string_view login, const Account& account) {
    auto ids = ids_of(account);
    if (!ids) return ids.error();
    return StoredUser{std::string{login}, std::move(*ids), account.home,
                      account.shell.empty() ? "/bin/sh" : account.shell};
}

Result<Account> find_virtual_account(std::string_view name) {
    auto account = find_account(name);
    if (!account) return account.error();
    if (!*account)
        return misuse("--virtual: /etc/passwd has no account " + std::string{name} +
                      ": make it, or name another");
    if ((*account)->uid == 0 || (*account)->gid == 0)
        return misuse("--virtual: " + std::string{name} +
                      " has the uid or the gid of root: name an account that owns the mail only");
    return std::move(**account);
}

Error run_for_user(Chain next, StoredUser user, const NativeOptions& options, bool is_lookup) {
    if (options.environment)
        if (auto settled = settle_ids(user, options); !settled) return settled.error();
    if (!is_dovecot() && options.environment) {
        if (user.ids)
            if (auto done = take_ids(*user.ids); !done) return done.error();
        // The user enters the home, not root: the two may have different rights there.
        if (options.change_directory && !user.home.empty() && ::chdir(user.home.c_str()) != 0)
            return system_trouble("enter", user.home);
    }
    const bool good = set_variable("USER", user.name) &&
                      (!options.environment || set_environment(user)) &&
                      (!is_lookup || set_variable("AUTHORIZED", "2"));
    if (!good) return system_trouble("set the environment");
    return run_next(next);
}

} // namespace poppass
