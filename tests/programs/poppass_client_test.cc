// poppass-client with servers that send what no honest server would send, and with poppass.
#include "support/at_terminal.hh"
#include "support/live_service.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace poppass;
using namespace poppass::test;

namespace {

// A server that sends what the test gives it: one text at the start, and one for each command but
// quit. "" ends the connection.
class Script {
public:
    explicit Script(Words replies) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::runtime_error{"no socket pair"};
        ours_.reset(ends[0]);
        theirs_.reset(ends[1]);
        const timeval limit{10, 0};
        ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        thread_ = std::thread{[this, words = std::move(replies)] { serve(words); }};
    }
    ~Script() {
        theirs_.reset();
        if (thread_.joinable()) thread_.join();
    }

    int client_end() const { return theirs_.get(); }

    // Every line that came until the client ended.
    const Words& commands() {
        theirs_.reset();
        thread_.join();
        return commands_;
    }

private:
    void serve(const Words& replies) {
        for (const auto& reply : replies) {
            if (reply.empty()) {
                ::shutdown(ours_.get(), SHUT_RDWR);
                return;
            }
            (void)write_whole(ours_.get(), reply);
            if (!hear()) return;
        }
        while (hear()) {}
    }
    bool hear() {
        std::string line;
        char byte;
        while (::recv(ours_.get(), &byte, 1, 0) == 1) {
            line += byte;
            if (byte == '\n') {
                commands_.push_back(line);
                if (line == "quit\r\n") (void)write_whole(ours_.get(), "200 Bye.\r\n");
                return true;
            }
        }
        if (!line.empty()) commands_.push_back(line);
        return false;
    }

    Fd ours_, theirs_;
    Words commands_;
    std::thread thread_;
};

const std::string greeting = "200 test hello, who are you?\r\n";
const std::string ok = "200 ok\r\n";
const Words all_commands{"user joe\r\n", "pass old\r\n", "newpass new\r\n", "quit\r\n"};

Environment from(const std::optional<std::string>& address) {
    return {{"PROTO", "TCP"},    {"TCPREMOTEIP", address}, {"SSL_PROTOCOL", {}},
            {"REMOTE_HOST", {}}, {"REMOTE_ADDR", {}},      {"SOCAT_PEERADDR", {}}};
}

Program client(const Script& script, Words options = {"-u", "joe", "--stdin"},
               std::string input = "old\nnew\n") {
    options.insert(options.begin(), built("poppass-client"));
    return {.argv = options,
            .environment = from("127.0.0.1"),
            .input = std::move(input),
            .descriptors = {{6, script.client_end()}, {7, script.client_end()}}};
}

// Runs the client at a terminal.
AtTerminal client_at_terminal(const Script& script, Environment environment = from("127.0.0.1"),
                              Words options = {}) {
    const int fd = script.client_end();
    return AtTerminal{[=] {
        const int far = ::fcntl(fd, F_DUPFD_CLOEXEC, 8); // fd itself may be 6 or 7
        ::dup2(far, 6);
        ::dup2(far, 7);
        for (const auto& [name, value] : environment)
            value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
        Words words = options;
        words.insert(words.begin(), built("poppass-client"));
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execv(argv[0], argv.data());
        return 127;
    }};
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a change: one command at a time, the passwords as they are, and quit") {
    Script script{{greeting, ok, ok, ok}};
    const auto end = run(client(script));
    CHECK(end.status == 0);
    CHECK(end.out.empty());
    CHECK(end.err.empty());
    CHECK(script.commands() == all_commands);

    Script odd{{greeting, "300 pass?\n", "300-new?\n", "200\n"}};
    CHECK(run(client(odd, {"--stdin", "-u", "joe@example.org", "-t", "1"}, "  o\"$ \n\xc3\xbc "))
              .status == 0);
    CHECK(odd.commands() == Words{"user joe@example.org\r\n", "pass   o\"$ \r\n",
                                  "newpass \xc3\xbc \r\n", "quit\r\n"});
}

TEST_CASE("refusals of the server are shown and end with status 1, its trouble with 111") {
    struct Case {
        Words replies;
        int status;
        const char* shown;
        std::size_t commands; // how many of all_commands come before quit
    };
    const std::string temporary = "500 Temporary failure: try again later.\r\n";
    for (const auto& [replies, status, shown, commands] : {
             Case{{greeting, "500 Too long\r\n"}, 1, "refused: Too long\n", 1},
             Case{{greeting, ok, "500 Old password is incorrect.\r\n"},
                  1,
                  "refused: Old password is incorrect.\n",
                  2},
             Case{{greeting, ok, ok, "500 Too short.\r\n"}, 1, "refused: Too short.\n", 3},
             Case{{greeting, ok, ok, "500 a\x1b]0;x\x07\x9b\xc3\xbc\n"},
                  1,
                  "refused: a\\x1b]0;x\\x07\\x9b\\xc3\\xbc\n",
                  3},
             Case{{greeting, ok, temporary}, 111, "says: Temporary failure: try again later.\n", 2},
             Case{{greeting, ok, ok, temporary}, 111, "says: Temporary failure", 3},
             Case{{greeting, ok, ok, "450 later\r\n"}, 111, "says: later\n", 3},
             Case{{greeting, ok, ok, "500 Result unknown: try the new password.\r\n"},
                  111,
                  "says: Result unknown",
                  3},
             Case{{"500 Temporary failure: server trouble\r\n"}, 111, "server trouble\n", 0},
             Case{{"SSH-2.0-OpenSSH\r\n"}, 111, "no poppassd server; it says: SSH-2.0", 0},
             Case{{greeting, "what?\r\n"}, 111, "no poppassd server; it says: what?\n", 1},
         }) {
        CAPTURE(shown);
        Script script{replies};
        const auto end = run(client(script));
        CHECK(end.status == status);
        CHECK(holds(end.err, "poppass-client: "));
        CHECK(holds(end.err, shown));
        Words expected{all_commands.begin(),
                       all_commands.begin() + static_cast<std::ptrdiff_t>(commands)};
        expected.push_back("quit\r\n");
        CHECK(script.commands() == expected);
    }
}

TEST_CASE("a server that goes away, is silent, or talks too much is trouble") {
    struct Case {
        Words replies;
        const char* shown;
        bool unknown; // whether it is unknown if the password was changed
    };
    const std::string endless(5000, 'x');
    for (const auto& [replies, shown, unknown] : {
             Case{{""}, "closed the connection", false},
             Case{{greeting, ""}, "closed the connection", false},
             Case{{greeting, ok, ""}, "closed the connection", false},
             Case{{greeting, ok, ok, ""}, "closed the connection; it is not known", true},
             Case{{greeting, ok, ok, "200 o"}, "not answer in time; it is not known", true},
             Case{{greeting, ok, "20"}, "not answer in time", false},
             Case{{endless}, "line is too long", false},
             Case{{greeting + "500 Waited too long for a command, good-bye.\r\n"},
                  "says: Waited too long",
                  false},
             Case{{greeting, ok + "200 more\r\n"}, "says: more", false},
             Case{{greeting, ok, ok + "200 Password changed\r\n"}, "says: Password changed", false},
         }) {
        CAPTURE(shown);
        CAPTURE(replies.size());
        Script script{replies};
        const auto end = run(client(script, {"-u", "joe", "--stdin", "-t", "1"}));
        CHECK(end.status == 111);
        CHECK(holds(end.err, shown));
        CHECK(holds(end.err, "it is not known whether the password was changed") == unknown);
        if (!unknown)
            for (const auto& command : script.commands())
                CHECK_FALSE(command.starts_with("newpass"));
    }
}

TEST_CASE("a server that only listens: every wait ends") {
    Script script{{}};
    const auto end = run(client(script, {"-u", "joe", "--stdin", "-t", "1"}));
    CHECK(end.status == 111);
    CHECK(holds(end.err, "does not answer in time"));
}

TEST_CASE("passwords go in clear to this machine only, unless told") {
    struct Case {
        Environment environment;
        bool sent;
    };
    auto tls = from("192.0.2.1");
    tls["SSL_PROTOCOL"] = "TLSv1.3";
    for (const auto& [environment, sent] :
         {Case{from("192.0.2.1"), false}, Case{from("2001:db8::1"), false}, Case{from("x"), false},
          Case{from({}), false}, Case{tls, true}, Case{{{"PROTO", "SSL"}}, true},
          Case{from("127.3.2.1"), true}, Case{from("::1"), true}}) {
        Script script{{greeting, ok, ok, ok}};
        auto program = client(script);
        for (const auto& [name, value] : environment) program.environment[name] = value;
        const auto end = run(program);
        CHECK(end.status == (sent ? 0 : 2));
        CHECK(holds(end.err, "in clear") == !sent);
        CHECK(script.commands() == (sent ? all_commands : Words{"quit\r\n"}));
    }
    Script script{{greeting, ok, ok, ok}};
    auto program = client(script, {"-u", "joe", "--stdin", "--insecure"});
    program.environment = from("192.0.2.1");
    CHECK(run(program).status == 0);
    CHECK(script.commands() == all_commands);
}

TEST_CASE("wrong use ends with 2") {
    struct Case {
        Words options;
        std::string input;
        const char* shown;
    };
    for (const auto& [options, input, shown] : {
             Case{{"--stdin"}, "old\nnew\n", "-u USER"},
             Case{{"-u", "joe", "--stdin", "more"}, "", "too many words"},
             Case{{"-u", "joe", "--stdin", "-t", "0"}, "", "-t"},
             Case{{"-u"}, "", "no value"},
             Case{{"--nonesuch"}, "", "no such option"},
             Case{{"-u", "joe\nquit", "--stdin"}, "old\nnew\n", "the login holds"},
             Case{{"-u", "joe", "--stdin"}, "", "there is none"},
             Case{{"-u", "joe", "--stdin"}, "\nnew\n", "the old password is empty"},
             Case{{"-u", "joe", "--stdin"}, "old\r\nnew\r\n", "the old password holds"},
             Case{{"-u", "joe", "--stdin"}, "old\n", "there is none"},
             Case{{"-u", "joe", "--stdin"}, "old\n\n", "the new password is empty"},
             Case{{"-u", "joe", "--stdin"}, "old\n" + std::string(509, 'x'), "too long"},
             Case{{"-u", "joe", "--stdin"}, "old\n" + std::string(9999, 'x'), "too long"},
         }) {
        CAPTURE(shown);
        Script script{{greeting, ok, ok, ok}};
        const auto end = run(client(script, options, input));
        CHECK(end.status == 2);
        CHECK(holds(end.err, shown));
        CHECK(end.out.empty());
        for (const auto& command : script.commands()) CHECK_FALSE(command.starts_with("newpass"));
    }
    const auto alone = run({.argv = {built("poppass-client"), "-u", "joe", "--stdin"}});
    CHECK(alone.status == 2);
    CHECK(holds(alone.err, "descriptors 6 and 7"));
    const auto help = run({.argv = {built("poppass-client"), "--help"}});
    CHECK(help.status == 0);
    CHECK(help.out.starts_with("usage: "));
    CHECK(run({.argv = {built("poppass-client"), "-V"}}).out.starts_with("poppass-client "));
}

TEST_CASE("at a terminal: login, old and new password, without echo") {
    Script script{{greeting, ok, ok, ok}};
    auto terminal = client_at_terminal(script);
    REQUIRE(terminal.shows("Login: "));
    CHECK(terminal.echoes(true));
    terminal.type("joe\n");
    REQUIRE(terminal.shows("Old password: "));
    CHECK(terminal.echoes(false));
    terminal.type("old\n");
    REQUIRE(terminal.shows("New password: "));
    terminal.type("new\n");
    REQUIRE(terminal.shows("New password again: "));
    CHECK(terminal.echoes(false));
    terminal.type("new\n");
    REQUIRE(terminal.shows("Password changed.\r\n"));
    CHECK(terminal.wait() == 0);
    CHECK(terminal.echoes(true));
    CHECK(terminal.shown() == "Login: joe\r\nOld password: \r\nNew password: \r\n"
                              "New password again: \r\nPassword changed.\r\n");
    CHECK(script.commands() == all_commands);
}

TEST_CASE("at a terminal: a refused one may be followed by another") {
    Script script{{greeting, ok, ok, "500 Too short.\r\n", "500 Too\x1b[1m plain.\r\n", ok}};
    auto terminal = client_at_terminal(script, from("127.0.0.1"), {"-u", "joe"});
    const auto give = [&](const std::string& first, const std::string& second) {
        REQUIRE(terminal.shows("New password: "));
        terminal.type(first + "\n");
        REQUIRE(terminal.shows("New password again: "));
        terminal.type(second + "\n");
    };
    REQUIRE(terminal.shows("Old password: "));
    terminal.type("old\n");
    give("x", "y");
    REQUIRE(terminal.shows("They differ."));
    give("x", "x");
    REQUIRE(
        terminal.shows("refused: Too short.\r\nTry another one, or an empty line to leave.\r\n"));
    give("y", "y");
    REQUIRE(terminal.shows("refused: Too\\x1b[1m plain.\r\nTry another one"));
    give("new", "new");
    REQUIRE(terminal.shows("Password changed."));
    CHECK(terminal.wait() == 0);
    CHECK(script.commands() == Words{"user joe\r\n", "pass old\r\n", "newpass x\r\n",
                                     "newpass y\r\n", "newpass new\r\n", "quit\r\n"});
}

TEST_CASE("at a terminal: it ends without a change when the user leaves or the server refuses") {
    Script script{{greeting, ok, ok, "500 Too short.\r\n"}};
    auto terminal = client_at_terminal(script, from("127.0.0.1"), {"-u", "joe"});
    REQUIRE(terminal.shows("Old password: "));
    terminal.type("old\n");
    for (const char* const prompt : {"New password: ", "New password again: "}) {
        REQUIRE(terminal.shows(prompt));
        terminal.type("x\n");
    }
    REQUIRE(terminal.shows("or an empty line to leave."));
    REQUIRE(terminal.shows("New password: "));
    terminal.type("\n");
    REQUIRE(terminal.shows("Nothing was changed."));
    CHECK(terminal.wait() == 1);
    CHECK(script.commands().back() == "quit\r\n");

    // A password that cannot be sent may be typed again too. After trouble that is not possible.
    Script other{{greeting, ok, ok, "500 Temporary failure: disk full\r\n"}};
    auto once = client_at_terminal(other, from("127.0.0.1"), {"-u", "joe"});
    REQUIRE(once.shows("Old password: "));
    once.type("old\n");
    const auto give = [&](const std::string& password) {
        REQUIRE(once.shows("New password: "));
        once.type(password + "\n");
        REQUIRE(once.shows("New password again: "));
        once.type(password + "\n");
    };
    give(std::string(509, 'x'));
    REQUIRE(once.shows("the new password is too long"));
    give("new");
    REQUIRE(once.shows("says: Temporary failure: disk full"));
    CHECK(once.wait() == 111);

    Script closing{
        {greeting, ok, "500 Old password is incorrect. Too many tries, good-bye.\r\n", ""}};
    auto wrong = client_at_terminal(closing, from("127.0.0.1"), {"-u", "joe"});
    REQUIRE(wrong.shows("Old password: "));
    wrong.type("bad\n");
    REQUIRE(wrong.shows("refused: Old password is incorrect. Too many tries, good-bye."));
    CHECK(wrong.wait() == 1);
}

TEST_CASE("at a terminal: it asks before passwords go in clear, and no is the default") {
    for (const auto& [keys, sent] :
         {std::pair{"\n", false}, {"n\n", false}, {"x\n", false}, {"y\n", true}}) {
        CAPTURE(keys);
        Script script{{greeting, ok, "500 Old password is incorrect.\r\n"}};
        auto terminal = client_at_terminal(script, from("192.0.2.1"), {"-u", "joe"});
        REQUIRE(terminal.shows("in clear, to 192.0.2.1."));
        REQUIRE(terminal.shows("[y/N] "));
        terminal.type(keys);
        if (sent) {
            REQUIRE(terminal.shows("Old password: "));
            terminal.type("bad\n");
        } else {
            REQUIRE(terminal.shows("nothing was sent"));
        }
        CHECK(terminal.wait() == (sent ? 1 : 2));
        CHECK(script.commands() ==
              (sent ? Words{"user joe\r\n", "pass bad\r\n", "quit\r\n"} : Words{"quit\r\n"}));
    }
}

TEST_CASE("at a terminal: ^C ends it, and the terminal is as before") {
    Script script{{greeting, ok, ok, ok}};
    auto terminal = client_at_terminal(script, from("127.0.0.1"), {"-u", "joe"});
    REQUIRE(terminal.shows("Old password: "));
    CHECK(terminal.echoes(false));
    terminal.type("ol\x03");
    CHECK(terminal.wait() == -SIGINT);
    CHECK(terminal.echoes(true));
    CHECK_FALSE(holds(terminal.shown(), "ol\r"));
    CHECK(script.commands() == Words{"user joe\r\n"});
}

TEST_CASE("without a terminal and without --stdin it says what it needs") {
    Script script{{greeting}};
    auto program = client(script, {"-u", "joe"});
    program.argv.insert(program.argv.begin(), {"setsid", "-w"});
    const auto end = run(program);
    CHECK(end.status == 2);
    CHECK(holds(end.err, "--stdin"));
}

TEST_CASE("through tcpclient and poppass: a change, and refusals") {
    if (missing(have_program("tcpserver") && have_program("tcpclient"), "tcpclient (ucspi-tcp)"))
        return;
    LiveService service;
    service.start();
    const auto change = [&](const std::string& input) {
        return run({.argv = {"tcpclient", "-HRl0", "127.0.0.1", service.port(),
                             built("poppass-client"), "-u", "joe", "--stdin"},
                    .input = input});
    };
    auto end = change("wrong\nnew\n");
    CHECK(end.status == 1);
    CHECK(holds(end.err, "refused: Old password is incorrect."));
    end = change("old\nnew words\n");
    CHECK(end.status == 0);
    CHECK(end.err.empty());
    CHECK(service.accepts("new words"));
    CHECK_FALSE(service.accepts("old"));
    CHECK(service.log_has("event=end result=quit ip=127.0.0.1"));

    end = run({.argv = {"tcpclient", "-HRl0", "127.0.0.1", free_port(), built("poppass-client"),
                        "-u", "joe", "--stdin"}});
    CHECK(end.status == 111);
}

TEST_CASE("poppass-change at a terminal: refused, then changed") {
    if (missing(have_program("tcpserver") && have_program("tcpclient"), "tcpclient (ucspi-tcp)"))
        return;
    LiveService service;
    const auto picky = service.file("picky");
    write_file(picky,
               "#!/bin/sh\nnew=$(tr '\\0' '\\n' <&3 | tail -n 1)\n"
               "[ \"$new\" != brief ] || { echo '553 Sorry, too short (#5.7.1)'; exit 1; }\n"
               "printf 'joe\\0old\\0\\0%s\\0' \"$new\" | " +
                   built("setpw") + " 3<&0\n",
               0755);
    service.start({{"PASSWORD_COMMAND", picky + " /bin/false"}});
    const Environment path{
        {"PATH", "/usr/local/bin:/usr/bin:/bin:" +
                     built("poppass-client").substr(0, built("poppass-client").rfind('/'))}};
    AtTerminal terminal{
        {beside_tests("../scripts/poppass-change"), "127.0.0.1", service.port(), "--", "-u", "joe"},
        path};
    REQUIRE(terminal.shows("Old password: "));
    terminal.type("old\n");
    for (const char* const password : {"brief", "long enough"}) {
        REQUIRE(terminal.shows("New password: "));
        terminal.type(std::string{password} + "\n");
        REQUIRE(terminal.shows("New password again: "));
        terminal.type(std::string{password} + "\n");
        if (password[0] == 'b')
            REQUIRE(terminal.shows("refused: Sorry, too short\r\nTry another one"));
    }
    REQUIRE(terminal.shows("Password changed."));
    CHECK(terminal.wait() == 0);
    CHECK(service.accepts("long enough"));
    CHECK_FALSE(holds(terminal.shown(), "long enough"));
}

TEST_CASE("poppass-change: a name of /etc/hosts, and its next address where the first refuses") {
    if (missing(have_program("tcpserver") && have_program("tcpclient"), "tcpclient (ucspi-tcp)"))
        return;
    LiveService service;
    service.start();
    // This getent knows another name, whose first address nobody listens on.
    const auto folder = service.file("bin");
    REQUIRE(run({.argv = {"mkdir", folder}}).status == 0);
    write_file(folder + "/getent",
               "#!/bin/sh\n[ \"$2\" = mail.invalid ] || exec /usr/bin/getent \"$@\"\n"
               "for a in 127.0.0.99 127.0.0.1; do echo \"$a STREAM x\"; echo \"$a DGRAM\"; done\n",
               0755);
    const auto clients = built("poppass-client");
    const Environment path{{"PATH", folder + ":/usr/local/bin:/usr/bin:/bin:" +
                                        clients.substr(0, clients.rfind('/'))}};
    const auto change = [&](const std::string& host, const std::string& input) {
        return run({.argv = {beside_tests("../scripts/poppass-change"), host, service.port(), "--",
                             "-u", "joe", "--stdin"},
                    .environment = path,
                    .input = input});
    };
    auto end = change("localhost", "old\nby name\n");
    INFO(end.err);
    CHECK(end.status == 0);
    CHECK(service.accepts("by name"));
    end = change("mail.invalid", "by name\nby the second\n");
    CHECK(end.status == 0);
    CHECK(holds(end.err, "127.0.0.99"));
    CHECK(service.accepts("by the second"));
    // After a connection was made, no other address is tried.
    end = change("mail.invalid", "wrong\nnew words\n");
    CHECK(end.status == 1);
    CHECK(service.accepts("by the second"));
}

TEST_CASE("poppass-change: wrong use ends with 2") {
    for (const Words& words : {Words{},
                               {"--tls"},
                               {"--nonesuch", "host"},
                               {"--ca"},
                               {"host", "106", "x"},
                               {"--ca", "x", "host"},
                               {""}}) {
        Words argv{beside_tests("../scripts/poppass-change")};
        argv.insert(argv.end(), words.begin(), words.end());
        const auto end = run({.argv = argv});
        CHECK(end.status == 2);
        CHECK(holds(end.err, "usage: poppass-change"));
    }
}
