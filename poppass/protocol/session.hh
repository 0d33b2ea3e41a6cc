// The session: decides what follows a command or a verdict. Pure: it knows no descriptor and no
// clock.
#pragma once

#include "link/record.hh"
#include "protocol/command.hh"
#include "protocol/monitor_message.hh"
#include "protocol/reply.hh"
#include "protocol/verdict.hh"

#include <array>
#include <cstddef>
#include <string_view>
#include <variant>

namespace poppass {

// Send this reply. `forget`: first tell the monitor to forget the accepted check.
struct Say {
    Reply reply;
    std::string_view reason = {};
    bool forget = false;
};

// Send this reply, the last one, and close.
struct SayAndClose {
    Reply reply;
    std::string_view reason = {};
};

// A request is sent to the monitor, and its verdict goes to Session::check_answered or
// change_answered. The request's strings fit a record.
using Step = std::variant<Say, SayAndClose, CheckRequest, ChangeRequest>;

class Session {
public:
    // One step for one command. Views in it live as long as the command's line and this session.
    Step command(const Command& command);

    // Take the verdict on the request. A verdict that nobody asked for is server trouble.
    Step check_answered(const Verdict& verdict);
    Step change_answered(const Verdict& verdict);

private:
    enum class State { user, pass, newpass, checking, changing };

    Step take_user(const Command& command);
    Step take_pass(const Command& command);
    Step take_newpass(const Command& command);
    Step refuse(Reply reply);

    State state_ = State::user;
    std::array<char, longest_record> login_{};
    std::size_t login_size_ = 0;
    std::size_t old_size_ = 0;
};

} // namespace poppass
