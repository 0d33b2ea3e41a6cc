// The protocol, used rightly and wrongly, with the real program and with links that do as they are
// told.
#include "support/conversation.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <thread>

using namespace poppass::test;
using Clock = std::chrono::steady_clock;

namespace {

const std::string name_please = "200 test.example hello, who are you?";
const std::string password_please = "200 Your password please.";
const std::string new_password_please = "200 Your new password please.";
const std::string changed = "200 Password changed, thank-you.";
const std::string bye = "200 Bye.";
const std::string incorrect = "500 Old password is incorrect.";
const std::string too_many = "500 Old password is incorrect. Too many tries, good-bye.";
const std::string failed = "500 Password change failed.";
const std::string want_user = "500 Expected: user NAME.";
const std::string want_pass = "500 Expected: pass PASSWORD. Start again with user.";
const std::string want_newpass = "500 Expected: newpass PASSWORD. Start again with user.";
const std::string unknown = "500 Unknown command. Expected: user, pass, newpass or quit.";
const std::string empty = "500 Expected one space and an argument.";
const std::string forbidden = "500 NUL and CR are not possible here.";
const std::string too_long =
    "500 Too long: name, old and new password may have 508 bytes together.";
const std::string line_timeout = "500 Waited too long for a command, good-bye.";
const std::string session_timeout = "500 This session has lasted too long, good-bye.";

const Words good_session{password_please, new_password_please, changed, bye};

// A service whose links store the records that they get in files, one after the other.
struct Kept {
    TemporaryDirectory directory;
    std::string checks = directory.file("checks");
    std::string changes = directory.file("changes");
    Service service{.check = fixture({"record", checks}),
                    .change = quoted(fixture({"record", changes}))};

    static std::string seen(const std::string& path) {
        return ::access(path.c_str(), F_OK) == 0 ? read_file(path) : "";
    }
    std::string seen_checks() const { return seen(checks); }
    std::string seen_changes() const { return seen(changes); }
};

std::string check_record(const std::string& login, const std::string& password) {
    return login + bytes("\0") + password + bytes("\0\0\0");
}

std::string set_record(const std::string& login, const std::string& old,
                       const std::string& new_password) {
    return login + bytes("\0") + old + bytes("\0\0") + new_password + bytes("\0");
}

// A service that accepts only the password `old`.
Service choosy() { return {.check = fixture({"password", "old"})}; }

long peak_kb(pid_t pid) { return std::stol(process_status(pid, "VmHWM")); }

void bring_to(Conversation& client, std::string_view state) {
    if (state == "user") return;
    CHECK(client.ask("user joe") == password_please);
    if (state == "pass") return;
    CHECK(client.ask("pass old") == new_password_please);
}

} // namespace

TEST_CASE("a conversation: the record of each link, each reply, the end") {
    for (const bool pipes : {false, true}) {
        Kept kept;
        kept.service.pipes = pipes;
        Conversation client{kept.service};
        CHECK(client.ask("user joe") == password_please);
        CHECK(client.ask("pass old secret") == new_password_please);
        CHECK(client.ask("newpass new secret") == changed);
        CHECK(client.ask("quit") == bye);
        CHECK(client.rest() == Words{});
        const auto ended = client.end();
        CHECK(ended.status == 0);
        CHECK(kept.seen_checks() == check_record("joe", "old secret"));
        CHECK(kept.seen_changes() == set_record("joe", "old secret", "new secret"));
        CHECK(ended.err.find("event=end result=quit ") != std::string::npos);
        CHECK(ended.err.find("secret") == std::string::npos);
    }
}

TEST_CASE("LF and CR LF, and command words in any case") {
    for (const std::string end : {"\n", "\r\n"})
        for (const Words& words :
             {Words{"user", "pass", "newpass", "quit"}, Words{"USER", "PASS", "NEWPASS", "QUIT"},
              Words{"UsEr", "pAss", "NewPass", "qUIT"}}) {
            Kept kept;
            Conversation client{kept.service};
            client.send(words[0] + " Joe" + end);
            CHECK(client.reply() == password_please);
            client.send(words[1] + " Old" + end);
            CHECK(client.reply() == new_password_please);
            client.send(words[2] + " New" + end);
            CHECK(client.reply() == changed);
            client.send(words[3] + end);
            CHECK(client.rest() == Words{bye});
            CHECK(kept.seen_changes() == set_record("Joe", "Old", "New"));
        }
}

TEST_CASE("a whole session in one write, one byte at a time, and with a half close") {
    const std::string session = "user joe\r\npass old\r\nnewpass new\r\n";
    for (const bool pipes : {false, true}) {
        CAPTURE(pipes);
        Kept kept;
        kept.service.pipes = pipes;
        {
            Conversation client{kept.service};
            client.send(session + "quit\r\n");
            CHECK(client.rest() == good_session);
        }
        {
            Conversation client{kept.service};
            for (const char c : session + "quit\r\n") {
                client.send({&c, 1});
                std::this_thread::sleep_for(milliseconds{1});
            }
            CHECK(client.rest() == good_session);
        }
        // Commands before the end of file are answered. After that nothing is sent, because the
        // client has left.
        {
            Conversation client{kept.service};
            client.send(session);
            client.half_close();
            CHECK(client.rest() == Words{password_please, new_password_please, changed});
            const auto ended = client.wait();
            CHECK(ended.status == 0);
            CHECK(ended.err.find("event=end result=vanished ") != std::string::npos);
        }
        {
            Conversation client{kept.service};
            client.send(session + "quit\r\n");
            client.half_close();
            CHECK(client.rest() == good_session);
        }
        const auto once = set_record("joe", "old", "new");
        CHECK(kept.seen_changes() == once + once + once + once);
    }
}

TEST_CASE("commands that arrive before the greeting are answered, too") {
    Kept kept;
    Conversation client{kept.service, false};
    client.send("user joe\npass old\nnewpass new\nquit\n");
    client.half_close();
    CHECK(client.reply() == name_please);
    CHECK(client.rest() == good_session);
}

TEST_CASE("a line that the end of file cuts short is no command") {
    Kept kept;
    for (const std::string part : {"", "user joe", "user joe\n", "user joe\npass old",
                                   "user joe\npass old\r", "user joe\npass old\nnewpass new",
                                   "user joe\npass old\nnewpass new\r", "quit", "quit\r"}) {
        CAPTURE(part);
        Conversation client{kept.service};
        client.send(part);
        client.half_close();
        Words wanted{password_please, new_password_please};
        wanted.resize(std::min<std::size_t>(
            2, static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'))));
        CHECK(client.rest() == wanted);
        CHECK(client.wait().err.find("event=end result=vanished ") != std::string::npos);
    }
    CHECK(kept.seen_changes() == "");
}

TEST_CASE("arguments arrive as they were sent: spaces, 8-bit bytes, control bytes, quotes") {
    const Words odd{
        " joe",
        "joe ",
        "  ",
        " ",
        "\t",
        "j\xc3\xb6rg",
        "\x80\xff\xfe",
        "\x01\x02\x1b[2J\x7f",
        "\"quoted\"",
        "'",
        "\\",
        "$HOME",
        "`id`",
        "$(id)",
        "%s%n",
        "--help",
        "-f",
        "user joe",
        "a=b",
        "joe@example.org",
        "../../etc/passwd",
        "#joe",
        "joe:x:0:0",
        "quit",
    };
    for (const auto& argument : odd) {
        CAPTURE(argument);
        Kept kept;
        Conversation client{kept.service};
        CHECK(client.ask("user " + argument) == password_please);
        CHECK(client.ask("pass " + argument) == new_password_please);
        CHECK(client.ask("newpass " + argument) == changed);
        CHECK(client.ask("quit") == bye);
        CHECK(kept.seen_checks() == check_record(argument, argument));
        CHECK(kept.seen_changes() == set_record(argument, argument, argument));
    }
}

TEST_CASE("every byte but NUL, CR and LF can be in a password") {
    std::string all;
    for (int c = 1; c < 256; ++c)
        if (c != '\r' && c != '\n') all += static_cast<char>(c);
    Kept kept;
    Conversation client{kept.service};
    CHECK(client.ask("user j") == password_please);
    CHECK(client.ask("pass " + all) == new_password_please);
    CHECK(client.ask("newpass " + all.substr(0, 250)) == changed);
    CHECK(kept.seen_checks() == check_record("j", all));
    CHECK(kept.seen_changes() == set_record("j", all, all.substr(0, 250)));
}

TEST_CASE("commands in and out of turn, malformed ones and unknown ones, in every state") {
    const std::string megabyte(1 << 20, 'x');
    struct Case {
        std::string line;
        std::string user, pass, newpass;
    };
    const Case cases[] = {
        {"user joe", password_please, want_pass, want_newpass},
        {"pass old", want_user, new_password_please, want_newpass},
        {"newpass new", want_user, want_pass, changed},
        {"user", empty, want_pass, want_newpass},
        {"user ", empty, want_pass, want_newpass},
        {"pass", want_user, empty, want_newpass},
        {"pass ", want_user, empty, want_newpass},
        {"newpass", want_user, want_pass, empty},
        {"newpass ", want_user, want_pass, empty},
        {bytes("user j\0e"), forbidden, want_pass, want_newpass},
        {bytes("pass \0"), want_user, forbidden, want_newpass},
        {bytes("newpass n\0"), want_user, want_pass, forbidden},
        {"user j\re", forbidden, want_pass, want_newpass},
        {"pass \rp", want_user, forbidden, want_newpass},
        {"newpass n\rx", want_user, want_pass, forbidden},
        {"user " + megabyte, too_long, want_pass, want_newpass},
        {"pass " + megabyte, want_user, too_long, want_newpass},
        {"newpass " + megabyte, want_user, want_pass, too_long},
        {megabyte, unknown, unknown, unknown},
        {megabyte + " x", unknown, unknown, unknown},
        {bytes("user\0joe"), unknown, unknown, unknown},
        {"", unknown, unknown, unknown},
        {" ", unknown, unknown, unknown},
        {" user joe", unknown, unknown, unknown},
        {"user\tjoe", unknown, unknown, unknown},
        {"users joe", unknown, unknown, unknown},
        {"help", unknown, unknown, unknown},
        {"EHLO there", unknown, unknown, unknown},
        {"GET / HTTP/1.0", unknown, unknown, unknown},
        {"\x16\x03\x01\x02", unknown, unknown, unknown}, // a TLS client, although there is no TLS
        {"quit", bye, bye, bye},
        {"quit " + megabyte, bye, bye, bye},
        {"quit now", bye, bye, bye},
        {"QUIT ", bye, bye, bye},
    };
    for (const auto& row : cases)
        for (const auto& [state, wanted] :
             {std::pair{"user", row.user}, std::pair{"pass", row.pass},
              std::pair{"newpass", row.newpass}}) {
            CAPTURE(row.line.substr(0, 40));
            CAPTURE(state);
            Conversation client{Service{}};
            bring_to(client, state);
            client.send(row.line + "\n");
            CHECK(client.reply() == wanted);
            if (wanted == bye) {
                CHECK(client.rest() == Words{});
                continue;
            }
            if (wanted.starts_with("200")) continue;
            // What may follow: a refused newpass allows another one, and after all else it begins
            // anew.
            const bool again = std::string{state} == "newpass" && row.line.starts_with("newpass");
            CHECK(client.ask("newpass new") == (again ? changed : want_user));
            CHECK(client.ask("user joe") == password_please);
            CHECK(client.ask("quit") == bye);
        }
}

TEST_CASE("one reply a command, however many come at once") {
    std::string lines;
    for (int i = 0; i < 3000; ++i) lines += i % 3 == 0 ? "what\n" : i % 3 == 1 ? "pass x\n" : "\n";
    Conversation client{Service{}};
    client.send(lines + "quit\n");
    const auto replies = client.rest();
    CHECK(replies.size() == 3001);
    for (std::size_t i = 0; i + 1 < replies.size(); ++i)
        REQUIRE(replies[i] == (i % 3 == 1 ? want_user : unknown));
    CHECK(replies.back() == bye);
}

TEST_CASE("a line of any length gets one reply, and no memory") {
    Conversation client{Service{}};
    // These commands need something that was used up.
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    CHECK(client.ask("newpass new") == changed);
    const long network = peak_kb(client.network()), monitor = peak_kb(client.monitor());
    const std::string block(1 << 20, 'x');
    client.send("pass ");
    for (int i = 0; i < 32; ++i) client.send(block);
    client.send("\r\n");
    CHECK(client.reply() == want_user);
    client.send(block + block + block + "\n");
    CHECK(client.reply() == unknown);
    CHECK(peak_kb(client.network()) <= network + 64);
    CHECK(peak_kb(client.monitor()) <= monitor + 64);
#ifndef POPPASS_SANITIZED
    CHECK(network < 8192);
    CHECK(monitor < 8192);
#endif
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("quit") == bye);
}

TEST_CASE("what just fits a record is served, and what just does not is refused") {
    struct Case {
        std::size_t login, old, new_password;
        std::string user, pass, newpass;
    };
    const Case cases[] = {
        {1, 1, 506, password_please, new_password_please, changed},
        {1, 1, 507, password_please, new_password_please, too_long},
        {1, 506, 1, password_please, new_password_please, changed},
        {1, 507, 1, password_please, new_password_please, too_long},
        {1, 508, 1, password_please, too_long, want_user},
        {506, 1, 1, password_please, new_password_please, changed},
        {507, 1, 1, password_please, new_password_please, too_long},
        {507, 2, 1, password_please, too_long, want_user},
        {508, 1, 1, password_please, too_long, want_user},
        {509, 1, 1, too_long, want_user, want_user},
        {1000, 1, 1, too_long, want_user, want_user},
        {1019, 1, 1, too_long, want_user, want_user},
        {1020, 1, 1, too_long, want_user, want_user},
        {170, 169, 169, password_please, new_password_please, changed},
        {170, 169, 170, password_please, new_password_please, too_long},
        {254, 254, 1, password_please, new_password_please, too_long},
    };
    for (const auto& [login, old, fresh, user, pass, newpass] : cases)
        for (const std::string end : {"\n", "\r\n"}) {
            CAPTURE(login);
            CAPTURE(old);
            CAPTURE(fresh);
            Kept kept;
            Conversation client{kept.service};
            const std::string l(login, 'l'), o(old, 'o'), n(fresh, 'n');
            client.send("user " + l + end);
            CHECK(client.reply() == user);
            client.send("pass " + o + end);
            CHECK(client.reply() == pass);
            client.send("newpass " + n + end);
            CHECK(client.reply() == newpass);
            const bool checked = pass == new_password_please;
            CHECK(kept.seen_checks() == (checked ? check_record(l, o) : ""));
            CHECK(kept.seen_changes() == (newpass == changed ? set_record(l, o, n) : ""));
        }
}

TEST_CASE("a newpass that was on its way when pass failed is refused and never run") {
    TemporaryDirectory directory;
    const auto mark = directory.file("changed");
    Service service = choosy();
    service.change = quoted(fixture({"mark", mark}));
    service.environment["POPPASS_DELAY"] = "1";
    Conversation client{service};
    client.send("user joe\npass wrong\nnewpass new\nuser joe\npass old\nquit\n");
    CHECK(client.rest() ==
          Words{password_please, incorrect, want_user, password_please, new_password_please, bye});
    CHECK(::access(mark.c_str(), F_OK) != 0);
}

TEST_CASE("several changes in one session, each with its own check") {
    Kept kept;
    Conversation client{kept.service};
    for (const std::string who : {"joe", "ann", "joe"}) {
        CHECK(client.ask("user " + who) == password_please);
        CHECK(client.ask("pass old-" + who) == new_password_please);
        CHECK(client.ask("newpass new-" + who) == changed);
        CHECK(client.ask("newpass again") == want_user); // one check allows one change
    }
    CHECK(client.ask("quit") == bye);
    CHECK(kept.seen_changes() == set_record("joe", "old-joe", "new-joe") +
                                     set_record("ann", "old-ann", "new-ann") +
                                     set_record("joe", "old-joe", "new-joe"));
}

TEST_CASE("a refused newpass may be followed by others, until ten were refused by the chain") {
    Service service{.change = quoted(fixture({"exit", "1"}))};
    for (const bool too_long_ones : {false, true}) {
        Conversation client{service};
        bring_to(client, "newpass");
        for (int i = 0; i < 10; ++i) {
            if (too_long_ones) CHECK(client.ask("newpass " + std::string(508, 'n')) == too_long);
            CHECK(client.ask("newpass new") == failed);
        }
        CHECK(client.ask("newpass new") == want_user);
        CHECK(client.ask("user joe") == password_please);
        CHECK(client.ask("pass old") == new_password_please);
        CHECK(client.ask("newpass new") == failed);
        CHECK(client.ask("quit") == bye);
    }
}

TEST_CASE("quit while a check or a change runs is answered after it") {
    Service service{.check = fixture({"sleep", "200"}),
                    .change = quoted(fixture({"sleep", "200", "exit", "1"}))};
    Conversation client{service};
    client.send("user joe\r\npass old\r\nquit\r\n");
    CHECK(client.rest() == Words{password_please, new_password_please, bye});
    Conversation other{service};
    other.send("user joe\r\npass old\r\nnewpass new\r\nquit\r\n");
    CHECK(other.rest() == Words{password_please, new_password_please, failed, bye});
}

TEST_CASE("the tries: refused checks until the session is closed, with a word") {
    for (const auto& [tries, status] : {std::pair{1, "1"}, std::pair{3, "1"}, std::pair{2, "111"},
                                        std::pair{2, "2"}, std::pair{2, "255"}}) {
        CAPTURE(tries);
        CAPTURE(status);
        Service service{.check = fixture({"exit", status})};
        service.environment["POPPASS_TRIES"] = std::to_string(tries);
        Conversation client{service};
        for (int i = 1; i <= tries; ++i) {
            CHECK(client.ask("user joe") == password_please);
            const auto answer = client.ask("pass wrong");
            CHECK(answer.starts_with("500 "));
            CHECK(answer.ends_with("good-bye.") == (i == tries && std::string{status} != "2"));
            if (std::string{status} == "1") CHECK(answer == (i == tries ? too_many : incorrect));
        }
        CHECK(client.rest() == Words{});
        const auto ended = client.end();
        CHECK(ended.status == 0);
        CHECK(ended.err.find("event=end result=tries ") != std::string::npos);
    }
}

TEST_CASE("three tries are the default, and right passwords in between do not add to them") {
    Conversation client{choosy()};
    for (const std::string password : {"a", "old", "b", "old"}) {
        CHECK(client.ask("user joe") == password_please);
        CHECK(client.ask("pass " + password) ==
              (password == "old" ? new_password_please : incorrect));
        if (password == "old") CHECK(client.ask("newpass new") == changed);
    }
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass c") == too_many);
    CHECK(client.rest() == Words{});
}

TEST_CASE("a failed check waits for the delay, an accepted one does not") {
    Service service = choosy();
    service.environment["POPPASS_DELAY"] = "600";
    Conversation patient{service};
    bring_to(patient, "newpass");
    CHECK(patient.ask("newpass new") == changed);
    service.environment["POPPASS_DELAY"] = "1";
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    const auto before = Clock::now();
    CHECK(client.ask("pass wrong") == incorrect);
    CHECK(Clock::now() - before >= std::chrono::seconds{1});
    CHECK(client.ask("quit") == bye);
}

TEST_CASE("a failed check that costs more than the delay is answered at its next multiple") {
    std::deque<Conversation> clients;
    for (const Words& end : {Words{"exit", "1"}, {"exit", "111"}, {"exit", "2"}, {"die", "9"}}) {
        Service service{.check = fixture({"sleep", "1100", end[0], end[1]})};
        service.environment["POPPASS_DELAY"] = "1";
        CHECK(clients.emplace_back(service).ask("user joe") == password_please);
    }
    const auto before = Clock::now();
    for (auto& client : clients) client.send("pass old\r\n");
    for (auto& client : clients) {
        CHECK(client.reply().value_or("").starts_with("500 "));
        CHECK(Clock::now() - before >= std::chrono::seconds{2});
    }
}

TEST_CASE("a client that waits too long for its next line is told, from whatever state") {
    Service service;
    service.environment["POPPASS_TIMEOUT"] = "1";
    std::deque<Conversation> clients;
    const auto before = Clock::now();
    for (const std::string state : {"user", "pass", "newpass"})
        for (const std::string part : {"", "user j", "\r"}) {
            auto& client = clients.emplace_back(service);
            bring_to(client, state);
            client.send(part);
        }
    for (auto& client : clients) {
        CHECK(client.rest() == Words{line_timeout});
        CHECK(Clock::now() - before >= std::chrono::seconds{1});
    }
    for (auto& client : clients)
        CHECK(client.end().err.find("event=end result=timeout ") != std::string::npos);
}

TEST_CASE("bytes that make no line do not put off the end") {
    Service service;
    service.environment["POPPASS_TIMEOUT"] = "2";
    const auto before = Clock::now();
    Conversation client{service};
    int sent = 0;
    for (; sent < 100 && client.silent(milliseconds{100}); ++sent)
        client.send(std::string(2000, 'x'));
    CHECK(sent < 100); // the reply came while it was still sending
    CHECK(client.reply() == line_timeout);
    CHECK(Clock::now() - before >= std::chrono::seconds{2});
}

TEST_CASE("a line in time starts the time anew") {
    Service service;
    service.environment["POPPASS_TIMEOUT"] = "2";
    Conversation client{service};
    for (int i = 0; i < 3; ++i) {
        CHECK(client.silent(milliseconds{800}));
        CHECK(client.ask("what") == unknown);
    }
    CHECK(client.ask("quit") == bye);
}

TEST_CASE("a session that lasts too long is told, however busy it is") {
    Service service;
    service.environment["POPPASS_SESSION"] = "1";
    Conversation client{service};
    std::string answer = unknown;
    for (int i = 0; answer == unknown && i < 200; ++i) {
        std::this_thread::sleep_for(milliseconds{50});
        answer = client.ask("what");
    }
    CHECK(answer == session_timeout);
    CHECK(client.rest() == Words{});
    CHECK(client.end().err.find("event=end result=session ") != std::string::npos);
}

TEST_CASE("a chain that runs when the session's time is up is finished and answered") {
    TemporaryDirectory directory;
    const auto mark = directory.file("changed");
    Service service{.change = quoted(fixture({"sleep", "2100", "mark", mark}))};
    service.environment["POPPASS_SESSION"] = "2";
    Conversation client{service};
    bring_to(client, "newpass");
    CHECK(client.ask("newpass new") == changed);
    CHECK(client.reply() == session_timeout);
    CHECK(client.rest() == Words{});
    CHECK(read_file(mark) == "x");
}

TEST_CASE("a client that vanishes is waited for until the delay is over") {
    Service service = choosy();
    service.environment["POPPASS_DELAY"] = "1";
    std::deque<Conversation> clients;
    for (const bool pipes : {false, true}) {
        service.pipes = pipes;
        CHECK(clients.emplace_back(service).ask("user joe") == password_please);
    }
    const auto before = Clock::now();
    for (auto& client : clients) {
        client.send("pass wrong\r\n");
        CHECK(client.log_has("event=check"));
        client.close();
    }
    for (auto& client : clients) {
        const auto ended = client.end();
        CHECK(Clock::now() - before >= std::chrono::seconds{1});
        CHECK(ended.status == 0);
        CHECK(ended.err.find("event=end result=vanished ") != std::string::npos);
    }
}

TEST_CASE("a client may vanish at any point, and a change that was begun is finished") {
    const std::string lines[] = {"",
                                 "us",
                                 "user joe\n",
                                 "user joe\npass old\n",
                                 "user joe\npass wrong\n",
                                 "user joe\npass old\nnewpass new\n",
                                 "user joe\npass old\nnewpass new\nquit\n"};
    for (const auto& sent : lines)
        for (const bool greeted : {false, true}) {
            CAPTURE(sent);
            TemporaryDirectory directory;
            Service service = choosy();
            service.change = quoted(fixture({"sleep", "100", "record", directory.file("set")}));
            Conversation client{service, greeted};
            client.send(sent);
            const auto ended = client.end();
            CHECK(ended.status == 0);
            CHECK_FALSE(ended.timed_out);
            CHECK(ended.err.find("event=end result=") != std::string::npos);
            // If the client does not read a reply, the session ends, so the change may not have
            // begun.
            if (ended.err.find("event=change") != std::string::npos)
                CHECK(read_file(directory.file("set")) == set_record("joe", "old", "new"));
        }
    // Once a change runs it is finished, even if the client has left.
    TemporaryDirectory directory;
    Service service{.change = quoted(fixture({"mark", directory.file("begun"), "sleep", "300",
                                              "record", directory.file("set")}))};
    Conversation client{service};
    client.send("user joe\npass old\nnewpass new\n");
    while (::access(directory.file("begun").c_str(), F_OK) != 0 &&
           !has_ended(client.monitor(), milliseconds{5})) {}
    const auto ended = client.end();
    CHECK(ended.err.find("event=change result=changed") != std::string::npos);
    CHECK(ended.err.find("event=end result=vanished") != std::string::npos);
    CHECK(read_file(directory.file("set")) == set_record("joe", "old", "new"));
}

TEST_CASE("a client that never reads is given up") {
    Service service;
    service.environment["POPPASS_TIMEOUT"] = "1";
    std::string lines;
    for (int i = 0; i < 200'000; ++i) lines += "what\n";
    for (const bool pipes : {false, true}) {
        CAPTURE(pipes);
        service.pipes = pipes;
        Conversation client{service};
        const auto sent = client.send_without_reading(lines, milliseconds{10'000});
        CHECK(sent < lines.size());
        CHECK(has_ended(client.monitor(), milliseconds{10'000}));
        const auto ended = client.wait();
        CHECK(ended.status == 0);
        CHECK(ended.err.find("event=end result=timeout ") != std::string::npos);
    }
}

TEST_CASE("after the last reply a client that goes on sending is not cut off at once, nor served") {
    Conversation client{Service{}};
    client.send("quit\r\nuser joe\r\n");
    CHECK(client.rest() == Words{bye});
    // It reads on for at most this many bytes.
    const std::string much(1 << 22, 'x');
    CHECK(client.send_without_reading(much, milliseconds{10'000}) < much.size());
    CHECK(has_ended(client.monitor(), milliseconds{10'000}));
    // And it reads on for at most two seconds.
    Conversation other{Service{}};
    other.send("quit\r\n");
    CHECK(other.rest() == Words{bye});
    CHECK_FALSE(has_ended(other.monitor(), milliseconds{500}));
    CHECK(has_ended(other.monitor(), milliseconds{10'000}));
}

TEST_CASE("a setting that is wrong is named in the log, and the client is told of trouble") {
    struct Case {
        std::string name;
        std::optional<std::string> value;
    };
    std::vector<Case> cases{
        {"PASSWORD_COMMAND", std::nullopt},
        {"PASSWORD_COMMAND", ""},
        {"PASSWORD_COMMAND", "  "},
        {"PASSWORD_COMMAND", "true"},
        {"PASSWORD_COMMAND", "/bin/true"},
        {"PASSWORD_COMMAND", "'true' x"},
        {"PASSWORD_COMMAND", "$SETPW"},
        {"PASSWORD_COMMAND", "cat $HOME"},
        {"PASSWORD_COMMAND", "cat 'open"},
        {"PASSWORD_COMMAND", "cat \\"},
        {"PASSWORD_COMMAND", "no-such-program-here"},
        {"PASSWORD_COMMAND", "/nonexistent/program"},
        {"PASSWORD_COMMAND", "/etc/passwd"},
        {"PASSWORD_COMMAND", "/"},
        {"PASSWORD_COMMAND", "''"},
    };
    for (const std::string name :
         {"POPPASS_DELAY", "POPPASS_TRIES", "POPPASS_TIMEOUT", "POPPASS_SESSION", "POPPASS_RUN"})
        for (const std::string value : {"", "x", "-1", "1x", " 1", "1 ", "+1", "1.5", "0x1", "1e3",
                                        "86401", "99999999999999999999"})
            cases.push_back({name, value});
    for (const std::string name :
         {"POPPASS_TRIES", "POPPASS_TIMEOUT", "POPPASS_SESSION", "POPPASS_RUN"})
        cases.push_back({name, "0"});
    cases.push_back({"POPPASS_TRIES", "1001"});
    if (::geteuid() == 0)
        for (const std::string name : {"UID", "GID"})
            for (const std::string value : {"", "0", "-1", "root", "4294967295", "4294967296"})
                cases.push_back({name, value});
    for (const auto& [name, value] : cases) {
        CAPTURE(name);
        CAPTURE(value.value_or("(unset)"));
        Service service;
        if (name == "PASSWORD_COMMAND")
            service.change = value;
        else
            service.environment[name] = value;
        Conversation client{service, false};
        CHECK(client.rest() == Words{"500 Temporary failure: server trouble, good-bye."});
        const auto ended = client.end();
        CHECK(ended.status == 111);
        CHECK(ended.err.find("event=error result=not-started ") != std::string::npos);
        CHECK(ended.err.find("words=" + name) != std::string::npos);
        CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
    }
}

TEST_CASE("the check program and HOST are looked at before the greeting") {
    for (const std::string program :
         {"true", "/bin/true", "/usr/bin/../bin/true", "", "no-such-program-here",
          "/nonexistent/program", "/etc/passwd", "/tmp"}) {
        CAPTURE(program);
        Conversation client{Service{.check = {program}}, false};
        CHECK(client.rest() == Words{"500 Temporary failure: server trouble, good-bye."});
        const auto ended = client.end();
        CHECK(ended.status == 111);
        CHECK(ended.err.find("words=CHECKPROGRAM") != std::string::npos);
    }
    for (const auto& host : {std::string{}, std::string{"two words"}, std::string{"a\r\nb"},
                             std::string{"h\xc3\xb6st"}, std::string(256, 'h')}) {
        CAPTURE(host);
        Conversation client{Service{.host = host}, false};
        CHECK(client.rest() == Words{"500 Temporary failure: server trouble, good-bye."});
        const auto ended = client.end();
        CHECK(ended.status == 111);
        CHECK(ended.err.find("words=HOST") != std::string::npos);
    }
    Conversation client{Service{.host = std::string(255, 'h')}};
    CHECK(client.ask("quit") == bye);
}

TEST_CASE("programs are found in absolute entries of PATH only") {
    TemporaryDirectory directory;
    write_file(directory.file("our-check"), "#!/bin/sh\nexit 0\n", 0755);
    write_file(directory.file("our-set"), "#!/bin/sh\nexit 0\n", 0755);
    const auto start = [&](std::optional<std::string> path, Words check, std::string change) {
        Service service{.check = std::move(check), .change = std::move(change)};
        service.environment["PATH"] = std::move(path);
        service.before_exec = [&] {
            if (::chdir(directory.path().c_str()) != 0) ::_exit(127);
        };
        Conversation client{service, false};
        const auto first = client.reply();
        client.half_close();
        const auto ended = client.wait();
        return first == name_please ? "started" : ended.err;
    };
    CHECK(start(directory.path(), {"our-check"}, "our-set") == "started");
    CHECK(start("bin:.::" + directory.path() + ":/bin", {"our-check"}, "our-set") == "started");
    CHECK(start("/nonexistent:" + directory.path(), {"our-check"}, "our-set") == "started");
    for (const std::string path : {"", ".", ":", "::", "bin:.", "./:", "/nonexistent"}) {
        CAPTURE(path);
        CHECK(start(path, {"our-check"}, "our-set").find("our-check") != std::string::npos);
        // A name with a slash is not searched for.
        CHECK(start(path, {directory.file("our-check")}, directory.file("our-set")) == "started");
    }
    CHECK(start(std::nullopt, {"cat"}, "cat") == "started");
    CHECK(start(std::nullopt, {"our-check"}, "cat").find("our-check") != std::string::npos);
}

TEST_CASE("usage") {
    for (const Words& words : {Words{},
                               {"host"},
                               {"--"},
                               {"--", "host"},
                               {"--nonsense"},
                               {"-x", "host", "cat"},
                               {"--nonsense", "host", "cat"}}) {
        Program program{.argv = {built("poppass")}, .environment = {{"PASSWORD_COMMAND", "cat"}}};
        program.argv.insert(program.argv.end(), words.begin(), words.end());
        const auto ended = run(program);
        CHECK(ended.status == 2);
        CHECK(ended.out == "");
        CHECK(ended.err == "usage: poppass HOST CHECKPROGRAM [ARG...]\n");
    }
    for (const std::string word : {"-h", "--help"}) {
        const auto ended = run({.argv = {built("poppass"), word}});
        CHECK(ended.status == 0);
        CHECK(ended.out.starts_with("usage: poppass HOST CHECKPROGRAM [ARG...]\n"));
        CHECK(ended.err == "");
    }
    for (const std::string word : {"-V", "--version"}) {
        const auto ended = run({.argv = {built("poppass"), word}});
        CHECK(ended.status == 0);
        CHECK(ended.out.starts_with("poppass "));
        CHECK(ended.err == "");
    }
    // After `--` a host may look like an option.
    const auto ended = run({.argv = {built("poppass"), "--", "-host", "cat"},
                            .environment = {{"PASSWORD_COMMAND", "cat"}, {"PROTO", std::nullopt}},
                            .input = "quit\n"});
    CHECK(ended.out == "200 -host hello, who are you?\r\n200 Bye.\r\n");
}
