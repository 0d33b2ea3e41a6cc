// How poppass treats its links (their statuses, ends, words and bad behaviour), and what they get.
#include "support/conversation.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

using namespace poppass::test;
using Clock = std::chrono::steady_clock;

namespace {

const std::string password_please = "200 Your password please.";
const std::string new_password_please = "200 Your new password please.";
const std::string changed = "200 Password changed, thank-you.";
const std::string incorrect = "500 Old password is incorrect.";
const std::string try_later = "500 Temporary failure: try again later.";
const std::string misused = "500 Temporary failure: the service is not set up correctly.";
const std::string failed = "500 Password change failed.";
const std::string not_known = "500 Temporary failure: the password is not known to be changed.";
const std::string change_misused =
    "500 Temporary failure: the service is not set up correctly. Nothing was changed.";
const std::string result_unknown = "500 Result unknown: try the new password, then the old one.";

Service with_check(Words deeds) { return {.check = fixture(std::move(deeds))}; }
Service with_change(Words deeds) { return {.change = quoted(fixture(std::move(deeds)))}; }

// One session up to the link's answer, and what the log has about it.
struct Told {
    std::string reply;
    std::string log;
};

Told check_reply(Service service, const std::string& password = "old",
                 const std::string& login = "joe") {
    Conversation client{service};
    CHECK(client.ask("user " + login) == password_please);
    auto reply = client.ask("pass " + password);
    // There must be only this one reply.
    if (!reply.ends_with("good-bye.")) CHECK(client.ask("quit") == "200 Bye.");
    CHECK(client.rest() == Words{});
    return {std::move(reply), client.end().err};
}

Told change_reply(Service service, const std::string& old = "old",
                  const std::string& fresh = "new") {
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass " + old) == new_password_please);
    auto reply = client.ask("newpass " + fresh);
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(client.rest() == Words{});
    return {std::move(reply), client.end().err};
}

// The words of one log line, in order; empty if there is no such event.
std::string event_line(const std::string& log, const std::string& event) {
    const auto begin = log.find("event=" + event + " ");
    return begin == log.npos ? "" : log.substr(begin, log.find('\n', begin) - begin);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

} // namespace

TEST_CASE("exit statuses and signals, at the check and at the change") {
    struct Case {
        Words end;
        std::string check_result, check;
        std::string change_result, change;
        std::string status;
    };
    const Case cases[] = {
        {{"exit", "0"}, "accepted", new_password_please, "changed", changed, "0"},
        {{"exit", "1"}, "refused", incorrect, "refused", failed, "1"},
        {{"exit", "2"}, "misused", misused, "misused", change_misused, "2"},
        {{"exit", "3"}, "refused", incorrect, "refused", failed, "3"},
        {{"exit", "20"}, "refused", incorrect, "refused", failed, "20"},
        {{"exit", "99"}, "refused", incorrect, "refused", failed, "99"},
        {{"exit", "100"}, "refused", incorrect, "refused", failed, "100"},
        {{"exit", "101"}, "unknown", try_later, "unknown", result_unknown, "101"},
        {{"exit", "110"}, "unknown", try_later, "unknown", result_unknown, "110"},
        {{"exit", "111"}, "temporary", try_later, "temporary", not_known, "111"},
        {{"exit", "112"}, "unknown", try_later, "unknown", result_unknown, "112"},
        {{"exit", "126"}, "unknown", try_later, "unknown", result_unknown, "126"},
        {{"exit", "127"}, "unknown", try_later, "unknown", result_unknown, "127"},
        {{"exit", "255"}, "unknown", try_later, "unknown", result_unknown, "255"},
        {{"die", "9"}, "unknown", try_later, "unknown", result_unknown, "signal9"},
        {{"die", "15"}, "unknown", try_later, "unknown", result_unknown, "signal15"},
        {{"die", "11"}, "unknown", try_later, "unknown", result_unknown, "signal11"},
        {{"die", "6"}, "unknown", try_later, "unknown", result_unknown, "signal6"},
    };
    for (const auto& row : cases) {
        CAPTURE(row.status);
        const auto checked = check_reply(with_check(row.end));
        CHECK(checked.reply == row.check);
        auto line = event_line(checked.log, "check");
        CHECK(has(line, "event=check result=" + row.check_result + " user=joe ip=- pid="));
        CHECK(has(line, " link=link-fixture status=" + row.status));
        CHECK(event_line(checked.log, "change") == "");

        const auto told = change_reply(with_change(row.end));
        CHECK(told.reply == row.change);
        line = event_line(told.log, "change");
        CHECK(has(line, "event=change result=" + row.change_result + " user=joe ip=- pid="));
        CHECK(has(line, " link=link-fixture status=" + row.status));
        CHECK(has(event_line(told.log, "end"), "result=quit"));
        CHECK(std::count(told.log.begin(), told.log.end(), '\n') == 3);
    }
}

TEST_CASE("the status decides, never the output") {
    for (const std::string words : {"200 Password changed, thank-you.\r\n", "500 no\r\n", "0\n",
                                    "553 changed\n", "accepted\n"}) {
        CAPTURE(words);
        CHECK(check_reply(with_check({"say", words, "exit", "0"})).reply == new_password_please);
        CHECK(check_reply(with_check({"say", words, "exit", "1"})).reply == incorrect);
        CHECK(change_reply(with_change({"say", words, "exit", "0"})).reply == changed);
        CHECK(change_reply(with_change({"say", words, "exit", "1"})).reply.starts_with("500 "));
        CHECK(change_reply(with_change({"say", words, "exit", "200"})).reply == result_unknown);
    }
}

TEST_CASE("a set link's output is the text of the reply") {
    struct Case {
        std::string said;
        std::string refused, temporary;
    };
    const std::string long_text(300, 'a');
    std::string umlauts;
    for (int i = 0; i < 150; ++i) umlauts += "\xc3\xa4";
    const Case cases[] = {
        {"553 Sorry, too short (#5.7.1)\r\n", "500 Sorry, too short",
         "500 Temporary failure: Sorry, too short"},
        {"553-Sorry, too short (#5.7.1)\r\n", "500 Sorry, too short",
         "500 Temporary failure: Sorry, too short"},
        {"454 No disk (#4.3.0)", "500 No disk", "500 Temporary failure: No disk"},
        {"553 a\tb\x1b[31mc\x07\x7f\r\n", "500 ab[31mc", "500 Temporary failure: ab[31mc"},
        {"553 one\r\n553 two\r\n", "500 one", "500 Temporary failure: one"},
        {"553 one\r553 two\n", "500 one553 two", "500 Temporary failure: one553 two"},
        {"Enter new password:\n\n553 late\n", "500 late", "500 Temporary failure: late"},
        {"553 " + long_text, "500 " + long_text.substr(0, 200),
         "500 Temporary failure: " + long_text.substr(0, 200)},
        {"553 a" + umlauts, "500 a" + umlauts.substr(0, 198),
         "500 Temporary failure: a" + umlauts.substr(0, 198)},
        {"BAD PASSWORD\n", failed, not_known},
        {"", failed, not_known},
        {"553 \r\n", failed, not_known},
        // The client has sent the passwords itself. The log must not have them.
        {"553 do not use s3cret-new\n554 x\n", "500 do not use s3cret-new",
         "500 Temporary failure: do not use s3cret-new"},
        {"553 you had s3cret-old\n", "500 you had s3cret-old",
         "500 Temporary failure: you had s3cret-old"},
        {"553 s3cr\x01"
         "et-old\n",
         "500 s3cret-old", "500 Temporary failure: s3cret-old"},
        {"553 s3cret\n", "500 s3cret", "500 Temporary failure: s3cret"},
    };
    for (const auto& [said, refused, temporary] : cases) {
        CAPTURE(said);
        auto told =
            change_reply(with_change({"say", said, "exit", "1"}), "s3cret-old", "s3cret-new");
        CHECK(told.reply == refused);
        CHECK_FALSE(has(told.log, "s3cret-"));
        if (refused != failed) CHECK(has(event_line(told.log, "change"), " words="));
        told = change_reply(with_change({"say", said, "exit", "111"}), "s3cret-old", "s3cret-new");
        CHECK(told.reply == temporary);
        told = change_reply(with_change({"say", said, "exit", "2"}), "s3cret-old", "s3cret-new");
        CHECK(told.reply == change_misused);
        told = change_reply(with_change({"say", said, "die", "9"}), "s3cret-old", "s3cret-new");
        CHECK(told.reply == result_unknown);
    }
}

TEST_CASE(
    "a check link's output is shown for temporary trouble; after a refusal it is only logged") {
    const std::string said = "553-No such user here (#5.7.1)\r\n";
    for (const std::string status : {"1", "3", "100"}) {
        const auto told = check_reply(with_check({"say", said, "exit", status}));
        CHECK(told.reply == incorrect);
        CHECK(has(event_line(told.log, "check"), " words=No\\x20such\\x20user\\x20here"));
    }
    CHECK(check_reply(with_check({"say", said, "exit", "2"})).reply == misused);
    CHECK(check_reply(with_check({"say", "454-No disk (#4.3.0)\r\n", "exit", "111"})).reply ==
          "500 Temporary failure: No disk");
    CHECK(check_reply(with_check({"say", said, "exit", "255"})).reply == try_later);
    CHECK(check_reply(with_check({"say", said, "die", "9"})).reply == try_later);
    CHECK(check_reply(with_check({"say", "454-it was old\n", "exit", "111"})).reply ==
          "500 Temporary failure: it was old");
    Service service = with_check({"say", "454-No disk (#4.3.0)\r\n", "exit", "111"});
    service.environment["POPPASS_TRIES"] = "1";
    CHECK(check_reply(service).reply == "500 Temporary failure: No disk Too many tries, good-bye.");
}

TEST_CASE("a refusal at the check looks the same, whatever the link knows") {
    const Words ends[] = {{"exit", "1"},
                          {"exit", "3"},
                          {"exit", "100"},
                          {"say", "553-locked\n", "exit", "1"},
                          {"say", "454-later\n", "exit", "1"},
                          {"flood", "100000", "exit", "1"}};
    for (const auto& end : ends) CHECK(check_reply(with_check(end)).reply == incorrect);
}

TEST_CASE("links that never end are ended, and their output is ignored") {
    TemporaryDirectory directory;
    Service checks = with_check({"say", "454-words\n", "forever"});
    Service changes = with_change({"mark", directory.file("set"), "say", "553 words\n", "forever"});
    Service stubborn = with_change({"stubborn"});
    for (Service* const service : {&checks, &changes, &stubborn})
        service->environment["POPPASS_RUN"] = "1";
    Conversation check{checks}, change{changes}, last{stubborn};
    CHECK(check.ask("user joe") == password_please);
    for (Conversation* const client : {&change, &last}) {
        CHECK(client->ask("user joe") == password_please);
        CHECK(client->ask("pass old") == new_password_please);
    }
    const auto before = Clock::now();
    check.send("pass old\r\n");
    change.send("newpass new\r\n");
    last.send("newpass new\r\n");
    CHECK(check.reply() == try_later);
    CHECK(change.reply() == result_unknown);
    CHECK(Clock::now() - before >= std::chrono::seconds{1});
    CHECK(last.reply() == result_unknown);
    CHECK(Clock::now() - before >= std::chrono::seconds{6}); // the grace period after SIGTERM
    CHECK(has(event_line(check.end().err, "check"), "result=unknown"));
    const auto log = change.end().err;
    CHECK(has(event_line(log, "change"), "result=unknown"));
    CHECK(has(event_line(log, "change"), "status=overtime"));
}

TEST_CASE("ten megabytes on descriptor 1, at the check and at the change") {
    const Words flood{"flood", "10000000", "say", "\n553 at last\n", "flood", "10000000"};
    for (const std::string status : {"0", "1"}) {
        Words deeds = flood;
        deeds.insert(deeds.end(), {"exit", status});
        CHECK(check_reply(with_check(deeds)).reply ==
              (status == "0" ? new_password_please : incorrect));
        const auto told = change_reply(with_change(deeds));
        CHECK(told.reply == (status == "0" ? changed : "500 at last"));
        CHECK(told.log.size() < 1500);
    }
}

TEST_CASE("its memory does not grow with what a link writes") {
    Service service{.check = fixture({"flood", "100"}),
                    .change = quoted(fixture({"flood", "50000000", "exit", "1"}))};
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    const long before = std::stol(process_status(client.monitor(), "VmHWM"));
    CHECK(client.ask("newpass new") == failed);
    CHECK(std::stol(process_status(client.monitor(), "VmHWM")) <= before + 64);
}

TEST_CASE("links that close 3 unread, or 0, 1 and 2, or everything") {
    for (const Words& manners : {Words{"close", "3"},
                                 {"close", "1"},
                                 {"close", "0", "close", "1"},
                                 {"close", "0", "close", "1", "close", "2", "close", "3"}}) {
        Words good = manners, bad = manners;
        good.insert(good.end(), {"sleep", "20", "exit", "0"});
        bad.insert(bad.end(), {"sleep", "20", "exit", "1"});
        CHECK(check_reply(with_check(good)).reply == new_password_please);
        CHECK(check_reply(with_check(bad)).reply == incorrect);
        CHECK(change_reply(with_change(good)).reply == changed);
        CHECK(change_reply(with_change(bad)).reply == failed);
    }
}

TEST_CASE("processes that a link leaves behind delay nobody and are killed when it has ended") {
    TemporaryDirectory directory;
    for (const std::string status : {"0", "1"}) {
        const auto left = directory.file("left-" + status);
        CHECK(check_reply(with_check({"leave", left, "exit", status})).reply ==
              (status == "0" ? new_password_please : incorrect));
        CHECK(change_reply(with_change({"leave", left, "say", "553 x\n", "exit", status})).reply ==
              (status == "0" ? changed : "500 x"));
        const auto pids = read_file(left);
        REQUIRE(std::count(pids.begin(), pids.end(), '\n') == 2);
        CHECK(has_ended(std::stoi(pids)));
        CHECK(has_ended(std::stoi(pids.substr(pids.find('\n')))));
    }
}

TEST_CASE("links that are not programs, or were removed since the start") {
    TemporaryDirectory directory;
    const auto text = directory.file("text");
    const auto orphan = directory.file("orphan");
    write_file(text, "echo a shell was run\nexit 0\n", 0755);
    write_file(orphan, "#!/nonexistent/shell\n", 0755);
    for (const auto& program : {text, orphan}) {
        auto told = check_reply({.check = {program}});
        CHECK(told.reply == try_later);
        CHECK(has(event_line(told.log, "check"), "result=temporary"));
        CHECK(has(event_line(told.log, "check"), "status=not-started"));
        told = change_reply({.change = program});
        CHECK(told.reply == not_known);
        CHECK(has(event_line(told.log, "change"), "result=temporary"));
        CHECK(has(event_line(told.log, "change"), "status=not-started"));
    }
    const auto gone = directory.file("gone");
    write_file(gone, "#!/bin/sh\n", 0755);
    Conversation client{Service{.check = {gone}, .change = gone}};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    ::unlink(gone.c_str());
    CHECK(client.ask("newpass new") == not_known);
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == try_later);
    const auto log = client.end().err;
    CHECK(has(log, "words=No\\x20such\\x20file\\x20or\\x20directory"));
}

namespace {

NextLink seen_by_check(Service service, const std::string& report) {
    service.check = {built("next-link"), "0", "one word", "", "$HOME", "--"};
    service.environment["NEXT_LINK_OUT"] = report;
    CHECK(check_reply(service).reply == new_password_please);
    return parse_next_link(read_file(report));
}

NextLink seen_by_change(Service service, const std::string& report) {
    service.change = quoted({built("next-link"), "0", "one word", "", "$HOME", "--"});
    service.environment["NEXT_LINK_OUT"] = report;
    CHECK(change_reply(service).reply == changed);
    return parse_next_link(read_file(report));
}

} // namespace

TEST_CASE("what a link gets: its words, its record, four descriptors and nothing else") {
    TemporaryDirectory directory;
    Service service;
    // A parent may leave signals like this.
    service.before_exec = [] {
        ignore_and_block_signals();
        for (int fd = 20; fd < 40; ++fd) ::dup2(0, fd);
        ::umask(0777);
    };
    const auto report = directory.file("report");
    for (const bool check : {true, false}) {
        CAPTURE(check);
        write_file(report, "", 0666);
        const auto link = check ? seen_by_check(service, report) : seen_by_change(service, report);
        REQUIRE(link.ran);
        CHECK(link.argv == Words{built("next-link"), "0", "one word", "", "$HOME", "--"});
        CHECK(link.record == (check ? bytes("joe\0old\0\0\0") : bytes("joe\0old\0\0new\0")));
        CHECK(link.descriptors == std::vector{0, 1, 2, 3});
        CHECK(link.core_limit == "0 0");
        CHECK(link.own_group);
        CHECK(link.blocked == std::vector<int>{});
        // Links may get the signals that the parent ignored. But signals that poppass itself
        // ignores must not be ignored in links.
        for (const int number : {SIGPIPE, SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
            CAPTURE(number);
            CHECK(std::count(link.ignored.begin(), link.ignored.end(), number) == 0);
        }
    }
}

TEST_CASE("descriptor 0 of a link is /dev/null, and descriptor 1 does not lead to the client") {
    for (const bool check : {true, false}) {
        const Words shell{"/bin/sh", "-c",
                          "test /proc/self/fd/0 -ef /dev/null && "
                          "test -p /proc/self/fd/1 && test -p /proc/self/fd/3 && "
                          "! read x && echo 200 to the client"};
        Service service;
        if (check)
            service.check = shell;
        else
            service.change = quoted(shell);
        for (const bool pipes : {false, true}) {
            service.pipes = pipes;
            CHECK((check ? check_reply(service) : change_reply(service)).reply ==
                  (check ? new_password_please : changed));
        }
    }
}

TEST_CASE("a link's descriptor 2 is the log") {
    const auto told = change_reply(with_change({"complain", "setpw: no disk\n", "exit", "1"}));
    CHECK(told.reply == failed);
    CHECK(has(told.log, "setpw: no disk\n"));
}

TEST_CASE("a link's environment: ours, without what would make it believe in Dovecot") {
    TemporaryDirectory directory;
    const auto report = directory.file("report");
    Service service;
    service.environment = {{"AUTHORIZED", "1"},
                           {"CREDENTIALS_LOOKUP", "1"},
                           {"DOVECOT_VERSION", "2.3"},
                           {"userdb_uid", "0"},
                           {"userdb_gid", "0"},
                           {"EXTRA", "userdb_uid"},
                           {"POPPASS_FILE", "/some/file"},
                           {"PAM_SERVICE", "some"},
                           {"NATIVE_CHECKPASSWORD", "1"},
                           {"SOMETHING_ELSE", "with spaces"}};
    for (const bool check : {true, false}) {
        const auto link = check ? seen_by_check(service, report) : seen_by_change(service, report);
        REQUIRE(link.ran);
        for (const std::string name : {"AUTHORIZED", "CREDENTIALS_LOOKUP", "DOVECOT_VERSION",
                                       "userdb_uid", "userdb_gid", "EXTRA", "TCPREMOTEIP"}) {
            CAPTURE(name);
            CHECK_FALSE(link.environment.contains(name));
        }
        for (const std::string name :
             {"POPPASS_FILE", "PAM_SERVICE", "NATIVE_CHECKPASSWORD", "SOMETHING_ELSE"}) {
            CAPTURE(name);
            REQUIRE(link.environment.contains(name));
            CHECK(link.environment.at(name) == service.environment.at(name));
        }
        for (const auto& [name, value] : link.environment) {
            CHECK_FALSE(has(value, "joe"));
            if (name != "PASSWORD_COMMAND" && name != "_") CHECK(value != "old");
        }
    }
}

TEST_CASE("the peer: the links' TCPREMOTEIP and the log's ip are an address, or nothing") {
    TemporaryDirectory directory;
    const auto report = directory.file("report");
    struct Case {
        Environment environment;
        std::optional<std::string> address;
    };
    const Case cases[] = {
        {{}, std::nullopt},
        {{{"TCPREMOTEIP", "192.0.2.1"}}, "192.0.2.1"},
        {{{"TCPREMOTEIP", "2001:DB8::0001"}}, "2001:db8::1"},
        {{{"TCPREMOTEIP", "::ffff:192.0.2.1"}}, "192.0.2.1"},
        {{{"PROTO", "TCP6"}, {"TCP6REMOTEIP", "2001:db8::1"}, {"TCPREMOTEIP", "192.0.2.9"}},
         "2001:db8::1"},
        {{{"PROTO", "SSL"}, {"SSLREMOTEIP", "192.0.2.2"}, {"TCPREMOTEIP", "192.0.2.9"}},
         "192.0.2.2"},
        {{{"REMOTE_HOST", "192.0.2.3"}}, "192.0.2.3"},
        {{{"REMOTE_HOST", "client.example"}, {"REMOTE_ADDR", "192.0.2.4"}}, "192.0.2.4"},
        {{{"SOCAT_PEERADDR", "[2001:db8::1]"}}, "2001:db8::1"},
        {{{"TCPREMOTEIP", "0"}}, std::nullopt},
        {{{"TCPREMOTEIP", ""}}, std::nullopt},
        {{{"TCPREMOTEIP", "client.example"}}, std::nullopt},
        {{{"TCPREMOTEIP", "192.0.2.1 user=root"}}, std::nullopt},
        {{{"TCPREMOTEIP", "192.0.2.1\nevent=forged"}}, std::nullopt},
        {{{"TCPREMOTEIP", "192.0.2.999"}, {"REMOTE_ADDR", "192.0.2.4"}}, "192.0.2.4"},
        {{{"PROTO", "UNIX"}, {"TCPREMOTEIP", "192.0.2.9"}}, std::nullopt},
    };
    for (const auto& [environment, address] : cases) {
        CAPTURE(address.value_or("(none)"));
        Service service;
        service.environment = environment;
        const auto link = seen_by_check(service, report);
        CHECK(link.environment.contains("TCPREMOTEIP") == address.has_value());
        if (address) CHECK(link.environment.at("TCPREMOTEIP") == *address);
        CHECK(link.environment.at("PROTO") == "TCP"); // so that links find it there
        const auto log = check_reply(service).log;
        CHECK(has(event_line(log, "check"), " ip=" + address.value_or("-") + " "));
        CHECK_FALSE(has(log, "forged"));
    }
}

TEST_CASE("links keep poppass's own ids") {
    TemporaryDirectory directory;
    const auto link = seen_by_check({}, directory.file("report"));
    CHECK(link.uids == std::vector<uid_t>(3, ::geteuid()));
    CHECK(link.gids == std::vector<gid_t>(3, ::getegid()));
}

TEST_CASE("the log: one line an event, nothing of a client that could forge or break one") {
    Service service = with_check({"exit", "1"});
    const std::string odd = "a b=c\"d\\e\x01\x1b[2J\xc3\xa4 event=check";
    const auto told = check_reply(service, "old", odd);
    const auto line = event_line(told.log, "check");
    CHECK(has(line,
              " user=a\\x20b\\x3dc\\x22d\\x5ce\\x01\\x1b[2J\\xc3\\xa4\\x20event\\x3dcheck ip="));
    for (const char c : told.log) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
    // Even if the login is very long, the rest of the line is complete.
    const auto longest = check_reply(service, "old", std::string(504, '\xff'));
    CHECK(has(event_line(longest.log, "check"), " link=link-fixture status=1"));
    for (const auto& log : {told.log, longest.log}) {
        std::size_t begin = 0;
        for (std::size_t end; (end = log.find('\n', begin)) != log.npos; begin = end + 1) {
            CHECK(end - begin < 1024);
            CHECK(log.compare(begin, 6, "event=") == 0);
        }
    }
    // Arguments of a refused or unknown command are not logged.
    Conversation client{Service{}};
    (void)client.ask("user");
    (void)client.ask("unheard-of word-1");
    (void)client.ask("pass word-2");
    (void)client.ask("newpass word-3");
    (void)client.ask("user " + std::string(600, 'w'));
    (void)client.ask("quit");
    const auto log = client.end().err;
    CHECK_FALSE(has(log, "word"));
    CHECK_FALSE(has(log, "www"));
    CHECK(std::count(log.begin(), log.end(), '\n') == 1);
}

TEST_CASE("a password is in no log, whatever becomes of it") {
    const std::string old = "0ld-Pa55-xyzzy", fresh = "n3w-Pa55-plugh";
    for (const std::string status : {"0", "1", "2", "111", "255"}) {
        const Words words{"say", "553 " + old + fresh + "\n", "exit", status};
        for (const auto& told :
             {check_reply(with_check(words), old), change_reply(with_change(words), old, fresh)}) {
            CHECK_FALSE(has(told.log, old));
            CHECK_FALSE(has(told.log, fresh));
            CHECK(has(told.log, " words=withheld\n"));
        }
    }
}

TEST_CASE("a password that is one of the reason's words: the user reads why, the log does not") {
    const Words words{"say", "553 Weak password: too short (#5.7.1)\n", "exit", "1"};
    for (const std::string password : {"password", "word", "short", "a"}) {
        CAPTURE(password);
        const auto told = change_reply(with_change(words), "old", password);
        CHECK(told.reply == "500 Weak password: too short");
        const auto line = event_line(told.log, "change");
        CHECK(line.ends_with(" link=link-fixture status=1 words=withheld"));
    }
    const auto told = change_reply(with_change(words), "old", "other");
    CHECK(has(event_line(told.log, "change"), " words=Weak\\x20password:\\x20too\\x20short"));
}

TEST_CASE("POPPASS_STRIP: links and log get the login without its domain") {
    struct Case {
        std::string strip, typed, login;
    };
    const Case cases[] = {
        {"*", "joe@example.org", "joe"},
        {"example.org", "joe@EXAMPLE.org", "joe"},
        {"example.org", "joe@example.com", "joe@example.com"},
        {"*", "a@b@c", "a@b"},
        {"*", "@example.org", "@example.org"},
        {"*", "joe", "joe"},
    };
    for (const auto& [strip, typed, login] : cases) {
        CAPTURE(typed);
        TemporaryDirectory directory;
        const auto checks = directory.file("checks"), changes = directory.file("changes");
        Service service{.check = fixture({"record", checks}),
                        .change = quoted(fixture({"record", changes}))};
        service.environment["POPPASS_STRIP"] = strip;
        Conversation client{service};
        CHECK(client.ask("user " + typed) == password_please);
        CHECK(client.ask("pass old") == new_password_please);
        CHECK(client.ask("newpass new") == changed);
        CHECK(has(client.end().err, "event=change result=changed user=" + login + " "));
        CHECK(read_file(checks) == login + bytes("\0old\0\0\0"));
        CHECK(read_file(changes) == login + bytes("\0old\0\0new\0"));
    }
}

namespace {

// A program that another account can reach, and a directory where it can write.
struct Reachable {
    TemporaryDirectory directory;
    std::string out = directory.file("out");
    std::string file = out + "/seen";

    Reachable() {
        if (::chmod(directory.path().c_str(), 0755) != 0 || ::mkdir(out.c_str(), 0700) != 0 ||
            ::chmod(out.c_str(), 0777) != 0)
            throw std::runtime_error{"no place to write"};
    }
    std::string copy(const std::string& program) const {
        const auto path = directory.file(program);
        write_file(path, read_file(built(program)), 0755);
        return path;
    }
};

} // namespace

TEST_CASE("POPPASS_AFTER: it runs after a change was answered, with the user's name") {
    const Reachable reachable;
    Service service;
    service.environment = {{"POPPASS_AFTER", quoted({reachable.copy("next-link"), "0", "a word"})},
                           {"NEXT_LINK_OUT", reachable.file},
                           {"TCPREMOTEIP", "192.0.2.1"},
                           {"USER", "somebody"}};
    if (::geteuid() == 0) {
        service.environment["UID"] = "12345";
        service.environment["GID"] = "23456";
        service.before_exec = [] {
            const gid_t groups[] = {4, 6};
            if (::setgroups(2, groups) != 0) ::_exit(126);
        };
    }
    const auto told = change_reply(service, "0ld-s3cret", "n3w-s3cret");
    CHECK(told.reply == changed);
    CHECK(has(event_line(told.log, "after"), "result=done user=joe ip=192.0.2.1 "));
    CHECK(has(event_line(told.log, "after"), " link=next-link status=0"));
    const auto report = read_file(reachable.file);
    CHECK_FALSE(has(report, "s3cret"));
    const auto seen = parse_next_link(report);
    REQUIRE(seen.ran);
    CHECK(seen.argv == Words{reachable.directory.file("next-link"), "0", "a word"});
    CHECK_FALSE(seen.record);
    CHECK(seen.descriptors == std::vector{0, 1, 2});
    CHECK(seen.environment.at("USER") == "joe");
    CHECK(seen.environment.at("TCPREMOTEIP") == "192.0.2.1");
    CHECK(seen.core_limit == "0 0");
    CHECK(seen.own_group);
    CHECK(seen.blocked == std::vector<int>{});
    const bool root = ::geteuid() == 0;
    CHECK(seen.uids == std::vector<uid_t>(3, root ? 12'345 : ::geteuid()));
    CHECK(seen.gids == std::vector<gid_t>(3, root ? 23'456 : ::getegid()));
    if (root) CHECK(seen.groups == std::vector<gid_t>{});
}

TEST_CASE("POPPASS_AFTER: not run unless a change was made, and its failure is for the log alone") {
    const Reachable reachable;
    const auto link = reachable.copy("link-fixture");
    Service service = with_change({"exit", "1"});
    service.environment["POPPASS_AFTER"] = quoted({link, "mark", reachable.file});
    auto told = change_reply(service);
    CHECK(told.reply == failed);
    CHECK(event_line(told.log, "after") == "");
    for (const std::string status : {"111", "255"}) {
        service.change = quoted(fixture({"exit", status}));
        CHECK(event_line(change_reply(service).log, "after") == "");
    }
    CHECK(::access(reachable.file.c_str(), F_OK) != 0);

    service.change = quoted(fixture());
    service.environment["POPPASS_AFTER"] = quoted({link, "say", "200 to the client\n", "flood",
                                                   "100000", "mark", reachable.file, "exit", "1"});
    told = change_reply(service);
    CHECK(told.reply == changed);
    CHECK(has(event_line(told.log, "after"), "result=failed "));
    CHECK(read_file(reachable.file) == "x");
}

TEST_CASE("POPPASS_AFTER: the answer does not wait for it") {
    const Reachable reachable;
    const auto fifo = reachable.directory.file("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    REQUIRE(::chmod(fifo.c_str(), 0666) == 0);
    Service service = with_change({"exit", "0"});
    service.environment["POPPASS_AFTER"] = quoted({"/bin/cat", fifo});
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    CHECK(client.ask("newpass new") == changed);
    // It runs until somebody has written.
    poppass::Fd writer{::open(fifo.c_str(), O_WRONLY | O_CLOEXEC)};
    REQUIRE(writer);
    writer.reset();
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(has(event_line(client.end().err, "after"), "result=done "));
}

TEST_CASE("POPPASS_AFTER: it runs no longer than a chain may") {
    const Reachable reachable;
    Service service = with_change({"exit", "0"});
    service.environment["POPPASS_AFTER"] = quoted({reachable.copy("link-fixture"), "forever"});
    service.environment["POPPASS_RUN"] = "1";
    const auto before = Clock::now();
    const auto told = change_reply(service);
    CHECK(told.reply == changed);
    CHECK(Clock::now() - before >= std::chrono::seconds{1});
    CHECK(has(event_line(told.log, "after"), "result=failed "));
    CHECK(has(event_line(told.log, "after"), "status=overtime"));
}

TEST_CASE("POPPASS_STRIP: the domain is gone before any link sees the login") {
    struct Case {
        const char* strip;
        const char* typed;
        const char* seen;
    };
    const Case cases[] = {
        {"example.org", "joe@example.org", "joe"},
        {"example.org", "joe@EXAMPLE.ORG", "joe"},
        {"example.org", "joe@example.net", "joe@example.net"},
        {"example.org", "joe", "joe"},
        {"*", "joe@example.net", "joe"},
        {"*", "a@b@c", "a@b"},
        {"*", "@example.net", "@example.net"},
    };
    for (const auto& [strip, typed, seen] : cases) {
        CAPTURE(std::string{typed});
        TemporaryDirectory directory;
        Service service{.check = fixture({"record", directory.file("checks")}),
                        .change = quoted(fixture({"record", directory.file("changes")}))};
        service.environment["POPPASS_STRIP"] = strip;
        Conversation client{service};
        CHECK(client.ask("user " + std::string{typed}) == "200 Your password please.");
        CHECK(client.ask("pass old") == "200 Your new password please.");
        CHECK(client.ask("newpass new") == "200 Password changed, thank-you.");
        CHECK(read_file(directory.file("checks")) == seen + bytes("\0old\0\0\0"));
        CHECK(read_file(directory.file("changes")) == seen + bytes("\0old\0\0new\0"));
        CHECK(client.log_has("user=" + std::string{seen} + " "));
    }
}

TEST_CASE("POPPASS_AFTER: it runs after a change was answered, and gets no password") {
    TemporaryDirectory directory;
    const std::string report = directory.file("report");
    write_file(directory.file("after"),
               "#!/bin/sh\n{ id -u; echo \"$USER $TCPREMOTEIP\"; cat; ls /proc/$$/fd; env; } >" +
                   report + "\n",
               0755);
    REQUIRE(::chmod(directory.path().c_str(), 0777) == 0); // the link runs as another account
    Service service;
    service.environment["POPPASS_AFTER"] = directory.file("after");
    service.environment["TCPREMOTEIP"] = "192.0.2.7";
    service.environment["USER"] = "somebody";
    Conversation client{service};
    CHECK(client.ask("user joe") == "200 Your password please.");
    CHECK(client.ask("pass 0ld-s3cret") == "200 Your new password please.");
    CHECK(client.ask("newpass n3w-s3cret") == "200 Password changed, thank-you.");
    CHECK(client.log_has("event=after result=done user=joe "));
    const std::string seen = read_file(report);
    const std::string ids = ::geteuid() == 0 ? "65534\n" : std::to_string(::geteuid()) + "\n";
    CHECK(seen.find("\njoe 192.0.2.7\n") != std::string::npos);
    if (::geteuid() == 0) CHECK(seen.starts_with(ids));
    CHECK(seen.find("s3cret") == std::string::npos);
    CHECK(seen.find("\n3\n") == std::string::npos); // descriptor 3 has no record
}

TEST_CASE("POPPASS_AFTER: its failure is logged and the change stands; no change, no run") {
    Service service{.change = quoted(fixture({"exit", "1"}))};
    service.environment["POPPASS_AFTER"] = quoted(fixture({"exit", "3"}));
    Conversation refused{service};
    CHECK(refused.ask("user joe") == "200 Your password please.");
    CHECK(refused.ask("pass old") == "200 Your new password please.");
    CHECK(refused.ask("newpass new") == "500 Password change failed.");
    CHECK(refused.end().err.find("event=after") == std::string::npos);
    service.change = quoted(fixture());
    Conversation client{service};
    CHECK(client.ask("user joe") == "200 Your password please.");
    CHECK(client.ask("pass old") == "200 Your new password please.");
    CHECK(client.ask("newpass new") == "200 Password changed, thank-you.");
    CHECK(client.log_has("event=after result=failed user=joe "));
    CHECK(client.log_has(" status=3"));
}
