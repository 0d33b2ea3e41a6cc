#include "client/client_session.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

using namespace poppass;
using poppass::test::bytes;

TEST_CASE("a command is its word, one space, the unchanged argument, and CR LF") {
    Secret into{longest_argument + 16};
    REQUIRE(make_command(into, "user", "the login", "joe"));
    CHECK(into.view() == "user joe\r\n");
    REQUIRE(make_command(into, "newpass", "the new password", "  \t\"$\\ \xff\x80 "));
    CHECK(into.view() == "newpass   \t\"$\\ \xff\x80 \r\n");
    const std::string longest(longest_argument, 'x');
    REQUIRE(make_command(into, "newpass", "the new password", longest));
    CHECK(into.view() == "newpass " + longest + "\r\n");
}

TEST_CASE("an argument that cannot be sent whole is misuse, and is not shown") {
    Secret into{longest_argument + 16};
    for (const std::string& argument :
         {std::string{}, std::string(longest_argument + 1, 'x'), std::string{"secret\nquit"},
          std::string{"secret\r"}, bytes("sec\0ret"), std::string{"\n"}}) {
        const auto made = make_command(into, "pass", "the old password", argument);
        REQUIRE_FALSE(made);
        CHECK(made.error().status == ExitStatus::misused);
        CHECK(made.error().message().find("the old password") == 0);
        CHECK(made.error().message().find("secret") == std::string::npos);
        CHECK(into.size() == 0);
    }
}

TEST_CASE("what answers mean") {
    struct Case {
        Asked asked;
        std::string_view line;
        Meaning meaning;
        std::string_view text;
    };
    for (const auto& [asked, line, meaning, text] : {
             Case{Asked::greeting, "200 mail hello, who are you?\r", Meaning::good,
                  "mail hello, who are you?"},
             Case{Asked::greeting, "220 hi", Meaning::good, "hi"},
             Case{Asked::greeting, "500 Temporary failure: server trouble, good-bye.",
                  Meaning::trouble, "Temporary failure: server trouble, good-bye."},
             Case{Asked::greeting, "500 busy", Meaning::trouble, "busy"},
             Case{Asked::greeting, "421 busy", Meaning::trouble, "busy"},
             Case{Asked::greeting, "SSH-2.0-x", Meaning::nonsense, "SSH-2.0-x"},
             Case{Asked::greeting, "", Meaning::nonsense, ""},
             Case{Asked::greeting, "300 hi", Meaning::nonsense, "300 hi"},
             Case{Asked::user, "200 Your password please.", Meaning::good, "Your password please."},
             Case{Asked::user, "300 please", Meaning::good, "please"},
             Case{Asked::user, "500 no", Meaning::refused, "no"},
             Case{Asked::pass, "200", Meaning::good, ""},
             Case{Asked::pass, "200\r", Meaning::good, ""},
             Case{Asked::pass, "300-please", Meaning::good, "please"},
             Case{Asked::pass, "500 Old password is incorrect.", Meaning::refused,
                  "Old password is incorrect."},
             Case{Asked::pass, "500 Temporary failure: try again later.", Meaning::trouble,
                  "Temporary failure: try again later."},
             Case{Asked::pass, "2000 please", Meaning::nonsense, "2000 please"},
             Case{Asked::pass, "20", Meaning::nonsense, "20"},
             Case{Asked::pass, "100 wait", Meaning::nonsense, "100 wait"},
             Case{Asked::newpass, "200 Password changed, thank-you.", Meaning::good,
                  "Password changed, thank-you."},
             Case{Asked::newpass, "250 ok", Meaning::good, "ok"},
             Case{Asked::newpass, "300 more", Meaning::nonsense, "300 more"},
             Case{Asked::newpass, "500 Too short.", Meaning::refused, "Too short."},
             Case{Asked::newpass, "550 Too short.", Meaning::refused, "Too short."},
             Case{Asked::newpass, "450 later", Meaning::trouble, "later"},
             Case{Asked::newpass, "500 Result unknown: try the new password, then the old one.",
                  Meaning::trouble, "Result unknown: try the new password, then the old one."},
             Case{Asked::newpass, "500 Expected: user NAME.", Meaning::trouble,
                  "Expected: user NAME."},
             Case{Asked::newpass, "500 Temporary failure: disk full", Meaning::trouble,
                  "Temporary failure: disk full"},
             Case{Asked::newpass, "-1 x", Meaning::nonsense, "-1 x"},
         }) {
        CAPTURE(line);
        const auto reply = judge_reply(asked, line);
        CHECK(reply.meaning == meaning);
        CHECK(reply.text == text);
    }
}

TEST_CASE("who could read what is sent") {
    struct Case {
        std::string_view proto;
        bool tls;
        const char* peer;
        bool readable;
    };
    for (const auto& [proto, tls, peer, readable] : {
             Case{"TCP", false, "127.0.0.1", false},
             Case{"TCP", false, "127.8.8.8", false},
             Case{"TCP6", false, "::1", false},
             Case{"", false, "127.0.0.1", false},
             Case{"TCP", false, "192.0.2.1", true},
             Case{"TCP", false, "12.7.0.1", true},
             Case{"TCP6", false, "2001:db8::1", true},
             Case{"TCP6", false, "::12", true},
             Case{"TCP", false, nullptr, true},
             Case{"", false, nullptr, true},
             Case{"TCP", true, "192.0.2.1", false},
             Case{"SSL", false, "192.0.2.1", false},
             Case{"SSL6", false, nullptr, false},
             Case{"TLS", false, nullptr, false},
             Case{"UNIX", false, nullptr, false},
             Case{"IPC", false, nullptr, false},
         }) {
        CAPTURE(proto);
        CAPTURE(peer);
        Connection connection{proto, tls, {}};
        if (peer != nullptr) connection.peer = peer;
        CHECK(is_readable_by_others(connection) == readable);
    }
}
