// The messages between the two processes. Each is one packet of a SOCK_SEQPACKET pair. All lengths
// are checked here. A side that receives a message that does not parse treats the other one as
// gone.
//
// The network side sends these requests:
//     check(login, old)   is this the old password?
//     change(new)         set this one, for the login and old password that were accepted
//     forget              the accepted check is not needed any more
// Before any other request it may say that it could not drop its privileges (StartFailure).
// The monitor answers each check and each change with a verdict. It may say that it is closing.
#pragma once

#include "base/secret.hh"
#include "link/record.hh"
#include "protocol/verdict.hh"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace poppass {

// The longest request: a kind, and the strings of a record.
inline constexpr std::size_t longest_request = 1 + longest_record;

// Views into the message. No string is empty or holds a NUL.
struct CheckRequest {
    std::string_view login;
    std::string_view password;
};
struct ChangeRequest {
    std::string_view new_password;
};
struct ForgetRequest {};
struct StartFailure {
    std::string_view what;
};

using Request = std::variant<CheckRequest, ChangeRequest, ForgetRequest, StartFailure>;

// False, and `into` is empty, where the request does not fit.
[[nodiscard]] bool make_request(Secret& into, const Request& request);
std::optional<Request> parse_request(std::string_view message);

// A verdict or a closing, as bytes. They are cleared on destruction, because a reason may offer a
// password.
class Answer {
public:
    explicit Answer(const Verdict& verdict);
    explicit Answer(Closing closing);
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;
    ~Answer() { wipe(bytes_); }
    std::string_view view() const { return {bytes_.data(), size_}; }

    static constexpr std::size_t longest = 3 + longest_reason;

private:
    std::array<char, longest> bytes_;
    std::size_t size_;
};

// How the network side ended, as its exit status.
enum class NetworkEnd : int {
    quit = 0,
    vanished = 1,     // the client went away
    line_timeout = 2, // it sent no whole line in time
    told = 3,         // the monitor ended the session or gave a last verdict
    no_monitor = 4,   // the monitor is gone
    not_started = 5,  // privileges could not be dropped
};

// The verdict's reason is a view into the message.
std::optional<std::variant<Verdict, Closing>> parse_answer(std::string_view message);

} // namespace poppass
