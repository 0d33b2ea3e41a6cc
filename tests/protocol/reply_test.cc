#include "protocol/reply.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

using namespace poppass;
using namespace poppass::test;

namespace {

struct Row {
    Reply reply;
    std::string text; // without a detail
    bool takes_detail = false;
};

// In the order of the enumeration, so that none is forgotten.
const Row table[] = {
    {Reply::greeting, "200 poppass hello, who are you?", true},
    {Reply::password_please, "200 Your password please."},
    {Reply::new_password_please, "200 Your new password please."},
    {Reply::changed, "200 Password changed, thank-you."},
    {Reply::bye, "200 Bye."},
    {Reply::expected_user, "500 Expected: user NAME."},
    {Reply::expected_pass, "500 Expected: pass PASSWORD. Start again with user."},
    {Reply::expected_newpass, "500 Expected: newpass PASSWORD. Start again with user."},
    {Reply::unknown_command, "500 Unknown command. Expected: user, pass, newpass or quit."},
    {Reply::empty_argument, "500 Expected one space and an argument."},
    {Reply::forbidden_argument, "500 NUL and CR are not possible here."},
    {Reply::too_long, "500 Too long: name, old and new password may have 508 bytes together."},
    {Reply::old_password_incorrect, "500 Old password is incorrect."},
    {Reply::too_many_tries, "500 Old password is incorrect. Too many tries, good-bye."},
    {Reply::check_temporary, "500 Temporary failure: try again later.", true},
    {Reply::check_temporary_and_last,
     "500 Temporary failure: try again later. Too many tries, good-bye.", true},
    {Reply::check_misused, "500 Temporary failure: the service is not set up correctly."},
    {Reply::check_misused_and_last,
     "500 Temporary failure: the service is not set up correctly. Good-bye."},
    {Reply::change_failed, "500 Password change failed.", true},
    {Reply::change_temporary, "500 Temporary failure: the password is not known to be changed.",
     true},
    {Reply::change_misused,
     "500 Temporary failure: the service is not set up correctly. Nothing was changed."},
    {Reply::change_unknown, "500 Result unknown: try the new password, then the old one."},
    {Reply::line_timeout, "500 Waited too long for a command, good-bye."},
    {Reply::session_timeout, "500 This session has lasted too long, good-bye."},
    {Reply::shutting_down, "500 The service is shutting down, good-bye."},
    {Reply::server_trouble, "500 Temporary failure: server trouble, good-bye."},
};

std::string text_of(Reply reply, std::string_view detail = {}) {
    return std::string{ReplyLine{reply, detail}.text()};
}

} // namespace

TEST_CASE("every reply is in the table, and the table is in order") {
    CHECK(std::size(table) == static_cast<std::size_t>(Reply::server_trouble) + 1);
    for (std::size_t i = 0; i < std::size(table); ++i)
        CHECK(static_cast<std::size_t>(table[i].reply) == i);
}

TEST_CASE("the text of each reply") {
    for (const auto& row : table) CHECK(text_of(row.reply) == row.text + "\r\n");
}

TEST_CASE("a detail replaces the reply's own, if the reply has a place for one") {
    CHECK(text_of(Reply::greeting, "mail.example") == "200 mail.example hello, who are you?\r\n");
    CHECK(text_of(Reply::change_failed, "Sorry, too short") == "500 Sorry, too short\r\n");
    CHECK(text_of(Reply::change_temporary, "no disk") == "500 Temporary failure: no disk\r\n");
    CHECK(text_of(Reply::check_temporary, "no disk") == "500 Temporary failure: no disk\r\n");
    CHECK(text_of(Reply::check_temporary_and_last, "no disk") ==
          "500 Temporary failure: no disk Too many tries, good-bye.\r\n");
    for (const auto& row : table)
        if (!row.takes_detail) CHECK(text_of(row.reply, "detail") == row.text + "\r\n");
}

TEST_CASE("one line, one of two codes, shorter than 512 bytes, whatever the detail") {
    for (const auto& row : table)
        for (const std::size_t size : {0, 1, 200, 255, 480, 490, 500, 508, 511, 512, 4096}) {
            CAPTURE(row.text);
            CAPTURE(size);
            const auto text = text_of(row.reply, std::string(size, 'w'));
            CHECK(text.size() < 512);
            CHECK(text.ends_with("\r\n"));
            CHECK(text.find_first_of(std::string_view{"\r\n\0", 3}) == text.size() - 2);
            CHECK((text.starts_with("200 ") || text.starts_with("500 ")));
            CHECK(text[4] != ' ');
        }
}

TEST_CASE("the longest detail that is allowed arrives whole") {
    for (const auto& row : table)
        if (row.takes_detail) {
            const std::string detail(row.reply == Reply::greeting ? longest_host : 200, 'w');
            CHECK(text_of(row.reply, detail).find(detail) != std::string::npos);
        }
    CHECK(text_of(Reply::greeting, std::string(longest_host, 'h')).ends_with("who are you?\r\n"));
}
