// A set link: all that it does around its store. The record, the words for the user and handing on
// are the same for every store, and stand here alone.
#pragma once

#include "link/link.hh"
#include "link/report.hh"

#include <memory>
#include <string>
#include <string_view>

namespace poppass {

// Each string is followed by a NUL, and valid during the call. The new password is not empty.
struct ChangeRequest {
    std::string_view login;
    std::string_view old_password;
    std::string_view new_password;
};

struct Changed {
    enum class How {
        done,      // the new password counts, and will after a crash
        wrong,     // the old password is not the user's
        unknown,   // there is no such user
        refused,   // by policy; words: why, for the user
        not_known, // it may be changed, now or later; words: other ones for the user
    } how;
    std::string words = {}; // what the user reads, after "Sorry, "
    std::string log = {};   // for the log alone; empty: nothing to say
};

class SetStore {
public:
    virtual ~SetStore() = default;

    // One of the link's options: those of its row in the link table.
    virtual Result<void> take(int option, std::string_view value) = 0;

    // After the last option, before the record is read: whether the options fit together.
    virtual Result<void> prepare() = 0;

    // Called once. An error says that nothing is changed.
    virtual Result<Changed> change(const ChangeRequest& request) = 0;

    // In the place of change(): says what is right and wrong in the store's set-up.
    virtual void look_over(Report& report) = 0;
};

Result<ExitStatus> run_set_link(const KnownLink& link, Chain words,
                                std::unique_ptr<SetStore> store);

// The whole of a set link's main. Store::name is its name in the link table.
template <class Store> int set_link(int argc, char** argv) {
    return run_link(Store::name, argc, argv, [](const KnownLink& link, Chain words) {
        return run_set_link(link, words, std::make_unique<Store>());
    });
}

} // namespace poppass
