// The command line of pwadmin: the options of passwd(1), and its own.
#pragma once

#include "base/result.hh"
#include "credentials/options.hh"
#include "pwadmin/line_changes.hh"

#include <string>

namespace poppass {

struct PwadminRequest {
    enum class Show { nothing, usage, version } show = Show::nothing; // -h, -V: no other action
    std::optional<std::string> user;
    int names = 0; // how many words are given as USER
    CredentialOptions options;
    std::string root; // -R; empty: not given
    bool status = false;
    bool all = false;          // -a
    bool only_expired = false; // -k
    bool quiet = false;
    bool add = false;
    bool remove = false;
    bool from_stdin = false;
    bool generate = false;
    LineChanges changes;

    // Whether a new password is to be set. As with passwd(1), that is so if no option is given.
    bool sets_password() const {
        return add || from_stdin || generate || !(status || remove || changes.any());
    }
    // Whether only root or the file's owner may do this.
    bool wants_master() const { return add || remove || from_stdin || generate || changes.any(); }
};

extern const std::string_view pwadmin_usage;

// An unknown option or a wrong value is misuse. After -h and -V nothing more is read.
Result<PwadminRequest> read_command_line(int argc, char** argv);

// It is misuse if the options do not fit together.
Result<void> check_combination(const PwadminRequest& request);

} // namespace poppass
