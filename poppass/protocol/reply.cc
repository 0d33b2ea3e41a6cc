#include "protocol/reply.hh"

#include "base/secret.hh"

#include <cstring>

namespace poppass {

namespace {

struct Text {
    std::string_view before; // the code, and what stands before the detail
    std::string_view detail; // where the caller gives none
    std::string_view after;
};

Text text_of(Reply reply) {
    switch (reply) {
    case Reply::greeting: return {"200 ", "poppass", " hello, who are you?"};
    case Reply::password_please: return {"200 Your password please.", {}, {}};
    case Reply::new_password_please: return {"200 Your new password please.", {}, {}};
    case Reply::changed: return {"200 Password changed, thank-you.", {}, {}};
    case Reply::bye: return {"200 Bye.", {}, {}};
    case Reply::expected_user: return {"500 Expected: user NAME.", {}, {}};
    case Reply::expected_pass:
        return {"500 Expected: pass PASSWORD. Start again with user.", {}, {}};
    case Reply::expected_newpass:
        return {"500 Expected: newpass PASSWORD. Start again with user.", {}, {}};
    case Reply::unknown_command:
        return {"500 Unknown command. Expected: user, pass, newpass or quit.", {}, {}};
    case Reply::empty_argument: return {"500 Expected one space and an argument.", {}, {}};
    case Reply::forbidden_argument: return {"500 NUL and CR are not possible here.", {}, {}};
    case Reply::too_long:
        return {"500 Too long: name, old and new password may have 508 bytes together.", {}, {}};
    case Reply::old_password_incorrect: return {"500 Old password is incorrect.", {}, {}};
    case Reply::too_many_tries:
        return {"500 Old password is incorrect. Too many tries, good-bye.", {}, {}};
    case Reply::check_temporary: return {"500 Temporary failure: ", "try again later.", {}};
    case Reply::check_temporary_and_last:
        return {"500 Temporary failure: ", "try again later.", " Too many tries, good-bye."};
    case Reply::check_misused:
        return {"500 Temporary failure: the service is not set up correctly.", {}, {}};
    case Reply::check_misused_and_last:
        return {"500 Temporary failure: the service is not set up correctly.", {}, " Good-bye."};
    case Reply::change_failed: return {"500 ", "Password change failed.", {}};
    case Reply::change_temporary:
        return {"500 Temporary failure: ", "the password is not known to be changed.", {}};
    case Reply::change_misused:
        return {"500 Temporary failure: the service is not set up correctly. Nothing was changed.",
                {},
                {}};
    case Reply::change_unknown:
        return {"500 Result unknown: try the new password, then the old one.", {}, {}};
    case Reply::line_timeout: return {"500 Waited too long for a command, good-bye.", {}, {}};
    case Reply::session_timeout: return {"500 This session has lasted too long, good-bye.", {}, {}};
    case Reply::shutting_down: return {"500 The service is shutting down, good-bye.", {}, {}};
    case Reply::server_trouble: return {"500 Temporary failure: server trouble, good-bye.", {}, {}};
    }
    return {"500 Temporary failure: server trouble, good-bye.", {}, {}};
}

} // namespace

ReplyLine::ReplyLine(Reply reply, std::string_view detail) {
    const Text text = text_of(reply);
    put(text.before);
    if (!text.detail.empty()) put(detail.empty() ? text.detail : detail);
    put(text.after);
    std::memcpy(bytes_.data() + size_, "\r\n", 2);
    size_ += 2;
}

ReplyLine::~ReplyLine() { wipe(bytes_); }

void ReplyLine::put(std::string_view part) {
    constexpr std::size_t most = longest_reply - 1 - 2; // shorter than the limit, and CR LF follow
    size_ += part.copy(bytes_.data() + size_, most - size_);
}

} // namespace poppass
