// The second half of the native convention: runs the chain's program for a user whose password is
// right, as DJB's checkpassword does and as Dovecot expects. poppass-chain(7) describes both.
#pragma once

#include "account/accounts.hh"
#include "link/chain.hh"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace poppass {

// Whether the environment declares that chains of check links are native.
bool environment_is_native();

// What Dovecot asks a check link if it gives an empty password.
enum class DovecotLookup {
    none,        // no look-up: the link checks a password
    user,        // does the user exist, and with which ids and home?
    credentials, // the same, for a user who then logs in without a password
};

// Call it before anything is opened. It looks for descriptor 4, which Dovecot has open for the
// answer.
DovecotLookup dovecot_lookup();

// In a user look-up, Dovecot takes this status for "there is no such user".
inline constexpr ExitStatus no_such_user{3};

struct UserIds {
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;
};

struct StoredUser {
    std::string name;
    std::optional<UserIds> ids; // empty: a virtual user
    std::string home;           // empty: none
    std::string shell;
};

// The account ACCOUNT of --virtual, which virtual users become. It is misuse if /etc/passwd has no
// such account, or if its uid or gid is root's.
Result<Account> find_virtual_account(std::string_view name);

// Makes such a user of the account, with its groups in /etc/group.
Result<StoredUser> native_user(std::string_view login, const Account& account);

struct NativeOptions {
    bool environment = true; // false: only USER is set, and the program does the rest itself
    bool change_directory = true;
    std::optional<Account> virtual_account = {}; // --virtual: what virtual users become
};

// Takes the user's ids, enters the home, sets the environment, and runs the program in the place of
// this one. The uid or gid of root is an error. A virtual user becomes the account of --virtual.
// Without that option the ids stay as they are, and it is an error if they are root's: root runs no
// program for a user. Under Dovecot the ids and the directory stay as they are: the environment
// tells who the user is, and after a look-up also that it was a look-up. Returns only if something
// fails.
Error run_for_user(Chain next, StoredUser user, const NativeOptions& options, bool is_lookup);

} // namespace poppass
