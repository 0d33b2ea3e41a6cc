// The native convention's other half: running the chain's program for a user whose password is
// right, as DJB's checkpassword does and as Dovecot wants it. poppass-chain(7) describes both.
#pragma once

#include "account/accounts.hh"
#include "link/chain.hh"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace poppass {

// Whether the environment declares chains of check links native.
bool environment_is_native();

// What Dovecot asks of a check link beside checking passwords, when it gives an empty one.
enum class DovecotLookup {
    none,        // nothing: this is a check
    user,        // whether there is such a user, and where
    credentials, // the same, for somebody who then logs in without a password
};

// Call it before anything is opened: Dovecot has descriptor 4 open, for the answer.
DovecotLookup dovecot_lookup();

// What Dovecot takes for "there is no such user" where it asks for one.
inline constexpr ExitStatus no_such_user{3};

struct UserIds {
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;
};

struct StoredUser {
    std::string name;
    std::optional<UserIds> ids; // nothing: a virtual user
    std::string home;           // empty: none
    std::string shell;
};

// The account as such a user, with its groups of /etc/group.
Result<StoredUser> native_user(std::string_view login, const Account& account);

struct NativeOptions {
    bool environment = true; // else USER is set, and the program sees to all the rest itself
    bool change_directory = true;
};

// Takes the user's ids (for a virtual user they stay as they are; uid 0 is an error), enters the
// home, sets the environment, and runs the program in the place of this one. Under Dovecot ids and
// directory stay as they are: the environment says who the user is, and after a look-up that it was
// one. Returns only where something fails.
Error run_for_user(Chain next, const StoredUser& user, NativeOptions options, bool is_lookup);

} // namespace poppass
