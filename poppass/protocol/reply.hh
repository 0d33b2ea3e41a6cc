// All replies that poppass sends.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace poppass {

// Replies are shorter than this, in bytes, line end included.
inline constexpr std::size_t longest_reply = 512;

enum class Reply {
    greeting, // detail: the host's name
    password_please,
    new_password_please,
    changed,
    bye,
    expected_user,
    expected_pass,
    expected_newpass,
    unknown_command,
    empty_argument,
    forbidden_argument,
    too_long,
    old_password_incorrect,
    too_many_tries,
    check_temporary,          // detail: the link's reason
    check_temporary_and_last, // detail: the link's reason
    check_misused,
    check_misused_and_last,
    change_failed,    // detail: the link's reason
    change_temporary, // detail: the link's reason
    change_misused,
    change_unknown,
    line_timeout,
    session_timeout,
    shutting_down,
    server_trouble,
};

// The longest host name that the greeting has room for.
inline constexpr std::size_t longest_host = 255;

// A line ready to be sent. It clears itself, because a link's reason may offer a password.
class ReplyLine {
public:
    // `detail` takes the place of the reply's own, where the reply has one.
    explicit ReplyLine(Reply reply, std::string_view detail = {});
    ReplyLine(const ReplyLine&) = delete;
    ReplyLine& operator=(const ReplyLine&) = delete;
    ~ReplyLine();

    std::string_view text() const { return {bytes_.data(), size_}; }

private:
    void put(std::string_view part);

    std::array<char, longest_reply> bytes_;
    std::size_t size_ = 0;
};

} // namespace poppass
