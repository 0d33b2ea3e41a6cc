// A check link without its store. The record, the convention of the chain, becoming the user and
// running the next link are the same for every store, and are written only here. So is the rule
// that a later link never undoes a refusal by policy.
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
    password,           // does the password belong to the user?
    user_lookup,        // Dovecot: does the user exist, and with which ids and home?
    credentials_lookup, // Dovecot: the same, for a user who then logs in without a password
};

struct Question {
    Ask ask;
    std::string_view login;    // a NUL follows each string; the strings are valid during the call
    std::string_view password; // empty in a look-up
    bool allow_expired;        // a password that must be changed counts as usable
    bool native;               // if the answer is `right`, the user is needed too
    // Set with --virtual: every user is virtual, and has no ids but those that the store itself
    // gives. The others become the account with this uid.
    std::optional<uid_t> virtual_uid = {};
};

enum class Finding {
    right,   // in a look-up: the user exists
    wrong,   // the password does not belong to the user
    unknown, // the user does not exist
    refused, // policy refuses the user, whatever the password is
};

// Trouble is an Error and not an Answer.
struct Answer {
    Finding finding;
    std::optional<StoredUser> user = {}; // set if the question is native and the finding is `right`
    std::string log = {};                // the reason, for the log only; empty: no log line
};

class CheckStore {
public:
    virtual ~CheckStore() = default;

    // Takes one of the link's own options. These are the options in its row of the link table that
    // not every check link has.
    virtual Result<void> take(int option, std::string_view value) = 0;

    // Called after the last option and before the record is read. Refuses options that do not fit
    // together.
    virtual Result<void> prepare(bool native) = 0;

    // Called once. The time that it takes must not reveal whether a user exists.
    virtual Result<Answer> judge(const Question& question) = 0;

    // Called instead of judge(). Reports what is right and what is wrong in the store's set-up.
    virtual void look_over(Report& report) = 0;
};

Result<ExitStatus> run_check_link(const KnownLink& link, Chain words,
                                  std::unique_ptr<CheckStore> store);

// The whole main of a check link. Store::name is its name in the link table.
template <class Store> int check_link(int argc, char** argv) {
    return run_link(Store::name, argc, argv, [](const KnownLink& link, Chain words) {
        return run_check_link(link, words, std::make_unique<Store>());
    });
}

} // namespace poppass
