// The options that the programs of the credential file share.
#pragma once

#include "credentials/file.hh"
#include "credentials/login_defs.hh"
#include "hash/crypt_hash.hh"

#include <string>
#include <string_view>

namespace poppass {

struct CredentialOptions {
    std::string file;                   // -f; empty: not given
    std::optional<Format> format = {};  // -F
    const HashMethod* method = nullptr; // -m
    std::int64_t cost = 0;              // -c; 0: the method's usual one
    uid_t min_uid = 1000;               // --min-uid

    // Takes an option as getopt_long returned it; a bad value is misuse.
    Result<void> take(int option, std::string_view value);

    // After the last option: whether the method has such a cost. Without -m only the user's line
    // tells the method.
    Result<void> check() const;

    // Whether the user may be served at all: of /etc/shadow itself only accounts that /etc/passwd
    // lists with a uid from --min-uid on. Any other is to be treated as unknown.
    Result<bool> serves(const CredentialFile& opened, std::string_view login) const;

    // What login.defs(5) says, for /etc/shadow itself; of other files it says nothing. Without -m,
    // the method and cost that it asks for are taken, and where it asks for a method that is
    // refused, `warning` says so.
    Result<LoginDefs> follow_login_defs(const CredentialFile& opened);
    std::string warning = {};

    // What to open: -f, else $POPPASS_FILE, else `users` in the configuration directory.
    Result<CredentialFileOptions> choose_file() const;
};

} // namespace poppass
