// A check link: all that it does around its store. The record, the convention of the chain,
// becoming the user and handing on are the same for every store, and stand here alone; so does the
// rule that a refusal by policy is never undone by a later link.
#pragma once

#include "link/link.hh"
#include "link/native_user.hh"
#include "link/report.hh"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

enum class Ask {
    password,           // is it this user's?
    user_lookup,        // Dovecot: is there such a user, and where?
    credentials_lookup, // Dovecot: the same, for somebody who then logs in without a password
};

struct Question {
    Ask ask;
    std::string_view login;    // each string is followed by a NUL, and valid during the call
    std::string_view password; // empty in a look-up
    bool allow_expired;        // a password that must be changed counts as usable
    bool native;               // where the answer is `right`, the user is wanted
};

enum class Finding {
    right,   // in a look-up: there is such a user
    wrong,   // the password is not the user's
    unknown, // there is no such user
    refused, // the user, by policy: whatever the password is
};

// Trouble is not an answer but an Error.
struct Answer {
    Finding finding;
    std::optional<StoredUser> user = {}; // where the question is native and the finding is `right`
    std::string log = {};                // why, for the log alone; empty: nothing to say
};

class CheckStore {
public:
    virtual ~CheckStore() = default;

    // One of the link's own options: those of its row in the link table that not every check link
    // has.
    virtual Result<void> take(int option, std::string_view value) = 0;

    // After the last option, before the record is read: whether the options fit together.
    virtual Result<void> prepare(bool native) = 0;

    // Called once. Whether a user exists must not be told by the time it takes.
    virtual Result<Answer> judge(const Question& question) = 0;

    // In the place of judge(): says what is right and wrong in the store's set-up.
    virtual void look_over(Report& report) = 0;
};

Result<ExitStatus> run_check_link(const KnownLink& link, Chain words,
                                  std::unique_ptr<CheckStore> store);

// The whole of a check link's main. Store::name is its name in the link table.
template <class Store> int check_link(int argc, char** argv) {
    return run_link(Store::name, argc, argv, [](const KnownLink& link, Chain words) {
        return run_check_link(link, words, std::make_unique<Store>());
    });
}

} // namespace poppass
