// A set link without its store. The record, the words for the user and running the next link are
// the same for every store, and are written only here.
#pragma once

#include "link/link.hh"
#include "link/report.hh"

#include <memory>
#include <string>
#include <string_view>

namespace poppass {

// A NUL follows each string. The strings are valid during the call. The new password is not empty.
struct ChangeRequest {
    std::string_view login;
    std::string_view old_password;
    std::string_view new_password;
};

struct Changed {
    enum class How {
        done,      // the new password counts, even after a crash
        wrong,     // the old password does not belong to the user
        unknown,   // there is no such user
        refused,   // policy refuses it; text: the reason
        not_known, // the password may be changed, now or later; text: other than the usual one
    } how;
    std::string text = {}; // what the user reads, after "Sorry, "
    std::string log = {};  // for the log only; empty: no log line
};

class SetStore {
public:
    virtual ~SetStore() = default;

    // Takes one of the link's options, which are in its row of the link table.
    virtual Result<void> take(int option, std::string_view value) = 0;

    // Called after the last option and before the record is read. Refuses options that do not fit
    // together.
    virtual Result<void> prepare() = 0;

    // Called once. An error means that nothing was changed.
    virtual Result<Changed> change(const ChangeRequest& request) = 0;

    // Called instead of change(). Reports what is right and what is wrong in the store's set-up.
    virtual void look_over(Report& report) = 0;
};

Result<ExitStatus> run_set_link(const KnownLink& link, Chain words,
                                std::unique_ptr<SetStore> store);

// The whole main of a set link. Store::name is its name in the link table.
template <class Store> int set_link(int argc, char** argv) {
    return run_link(Store::name, argc, argv, [](const KnownLink& link, Chain words) {
        return run_set_link(link, words, std::make_unique<Store>());
    });
}

} // namespace poppass
