// pwadmin's command line: passwd(1)'s options, and its own.
#pragma once

#include "credentials/options.hh"
#include "pwadmin/line_changes.hh"
#include "base/result.hh"

#include <string>

namespace poppass {

struct PwadminRequest {
    enum class Show { nothing, usage, version } show = Show::nothing; // -h, -V: and do nothing else
    std::optional<std::string> user;
    int names = 0; // how many words there are where USER stands
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

    // Whether it asks for a new password: what asks for nothing does, as with passwd(1).
    bool sets_password() const {
        return add || from_stdin || generate || !(status || remove || changes.any());
    }
    // Whether it wants a caller who may do all: root or the file's owner.
    bool wants_master() const { return add || remove || from_stdin || generate || changes.any(); }
};

extern const std::string_view pwadmin_usage;

// Misuse where an option is unknown, or its value is wrong. -h and -V end the reading.
Result<PwadminRequest> read_command_line(int argc, char** argv);

// Misuse where the options do not go together.
Result<void> check_combination(const PwadminRequest& request);

} // namespace poppass
