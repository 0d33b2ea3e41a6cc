// setpw-pam with a PAM service of our own, whose module does what each case tells it.
#include "support/pam_things.hh"

#include <doctest/doctest.h>

#include <csignal>
#include <unistd.h>

using namespace poppass::test;

namespace {

const std::string record = bytes("joe\0old\0\0new\0");
const std::string trouble =
    "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n";
const std::string not_known =
    "454 Sorry, the result is not known: try the new password, then the old one (#4.3.0)\n";
const std::string wrong = "553 Sorry, old password is incorrect (#5.7.1)\n";

using Rules = PamRules;

struct Setter : PamLink {
    explicit Setter(const Rules& rules) : PamLink{"setpw-pam", ::record, rules} {}

    Outcome set(const std::vector<std::string>& words = {}) const { return run(program(words)); }
};

bool no_root() { return missing(::geteuid() == 0, "root"); }

} // namespace

TEST_CASE("a change: the old password is checked, then the modules get what they ask for") {
    if (no_root()) return;
    const Setter setter{Rules{}};
    const auto end = setter.set();
    CHECK(end.status == 0);
    CHECK(end.out == "");
    CHECK(end.err == "");
    CHECK(setter.told() == "ask Password:=old\n"
                           "info Changing password\n"
                           "ask Current password:=old\n"
                           "ask New password:=new\n"
                           "ask Retype new password:=new\n");
}

TEST_CASE("options") {
    if (no_root()) return;
    const Setter setter{Rules{.authenticate = "ask=? items", .change = "ask=? update ask=? items"}};
    SUBCASE("the service from the environment, the peer from the super-server") {
        auto program = setter.program();
        program.argv = {built("setpw-pam")};
        program.environment["PAM_SERVICE"] = setter.service.name();
        program.environment["TCPREMOTEIP"] = "192.0.2.7";
        CHECK(run(program).status == 0);
        const auto items = "service=" + setter.service.name() + " user=joe peer=192.0.2.7\n";
        CHECK(setter.told() == "ask ?=old\n" + items + "ask ?=old\nask ?=new\n" + items);
        // The option has priority.
        program.argv = {built("setpw-pam"), "--service", setter.service.name()};
        program.environment["PAM_SERVICE"] = "none-such";
        CHECK(run(program).status == 0);
    }
    SUBCASE("no peer") {
        CHECK(setter.set().status == 0);
        CHECK(setter.told().find("user=joe peer=(none)") != std::string::npos);
    }
    SUBCASE("a domain that is taken off") {
        auto program = setter.program({"--strip", "example.org"});
        program.record = bytes("joe@Example.ORG\0old\0\0new\0");
        CHECK(run(program).status == 0);
        CHECK(setter.told().find("user=joe peer") != std::string::npos);
        program.record = bytes("joe@example.com\0old\0\0new\0");
        CHECK(run(program).status == 0);
        CHECK(setter.told().find("user=joe@example.com peer") != std::string::npos);
    }
    SUBCASE("steps, and no password, in the log") {
        for (const auto* const option : {"-d", "--debug"}) {
            const auto end = setter.set({option});
            CHECK(end.status == 0);
            CHECK(end.err.find("setpw-pam: hidden prompt \"?\": the new password\n") !=
                  std::string::npos);
            CHECK(end.err.find("\": old\n") == std::string::npos);
        }
    }
    SUBCASE("help and version") {
        for (const auto* const option : {"-h", "--help", "-V", "--version"}) {
            const auto end = run({.argv = {built("setpw-pam"), option}});
            CHECK(end.status == 0);
            CHECK(end.out.find("setpw-pam") != std::string::npos);
            CHECK(end.err == "");
        }
    }
}

TEST_CASE("misuse changes nothing, whatever the record") {
    if (no_root()) return;
    const Setter setter{Rules{}};
    const auto misused = [&](std::vector<std::string> words, std::string_view says) {
        const auto end = setter.set(std::move(words));
        CAPTURE(end.err);
        CHECK(end.status == 2);
        CHECK(end.out == "");
        CHECK(end.err.find(says) != std::string::npos);
        CHECK(setter.told() == "");
    };
    misused({"--ruid", "0"}, "--ruid must be a number from 1 to 4294967294");
    misused({"--ruid", "65534"}, "--ruid must not be 65534");
    misused({"--ruid", "x"}, "--ruid must be a number");
    misused({"--min-uid", "-1"}, "--min-uid must be a number");
    misused({"--strip", ""}, "--strip");
    misused({"-s", "passwd"}, "must not be passwd");
    misused({"-s", "CHPASSWD"}, "must not be chpasswd");
    misused({"-s", "../login"}, "named as a file in /etc/pam.d");
    misused({"-x"}, "no such option: -x");
    misused({"--native"}, "no such option");
    misused({"-s"}, "no value for the option");
    misused({"--", "/bin/true"}, "/bin/false");
    misused({"setpw", "-f", "/file"}, "/bin/false");
    auto program = setter.program({"--ruid", "40000"});
    program.environment["UID"] = "40000";
    CHECK(run(program).status == 2);
    program = setter.program();
    program.environment["UID"] = "65533"; // the uid that is usual
    CHECK(run(program).status == 2);
    for (const auto& bad : {bytes("joe\0old\0\0"), bytes("joe\0old\0\0new"), bytes(""),
                            bytes("joe\0old\0response\0new\0"), bytes("joe\0old\0\0\0"),
                            bytes("joe\0old\0\0new\0more\0"), std::string(513, 'x')}) {
        program = setter.program();
        program.record = bad;
        const auto end = run(program);
        CHECK(end.status == 2);
        CHECK(end.out == "");
        CHECK(setter.told() == "");
    }
    program.record = std::nullopt;
    CHECK(run(program).status == 2);
}

TEST_CASE("a wrong old password: the next link, or a refusal") {
    if (no_root()) return;
    for (const int code : {7, 10}) { // 7: wrong password; 10: unknown user
        const Setter setter{Rules{.authenticate = "ask=? return=" + std::to_string(code)}};
        auto end = setter.set();
        CHECK(end.status == 1);
        CHECK(end.out == wrong);
        CHECK(end.err == "");
        end = setter.set({"--", built("next-link"), "7", "/bin/false"});
        CHECK(end.status == 7);
        const auto next = parse_next_link(end.out);
        CHECK(next.ran);
        CHECK(next.record == record);
        CHECK(next.descriptors == std::vector{0, 1, 2, 3});
        CHECK(next.uids == std::vector<uid_t>(3, 0));
        CHECK(next.blocked.empty());
        CHECK(next.ignored.empty());
        CHECK(setter.told() == "ask ?=old\nask ?=old\n");
    }
}

TEST_CASE("an empty old password is wrong, and no module hears of it") {
    if (no_root()) return;
    const Setter setter{Rules{.authenticate = "ask=?"}};
    auto program = setter.program();
    program.record = bytes("joe\0\0\0new\0");
    auto end = run(program);
    CHECK(end.status == 1);
    CHECK(end.out == wrong);
    program.argv.insert(program.argv.end(), {built("next-link"), "false"});
    CHECK(parse_next_link(run(program).out).record == program.record);
    CHECK(setter.told() == "");
}

TEST_CASE("a refusal by account management is final, with the modules' reason or ours") {
    if (no_root()) return;
    for (const int code : {6, 7, 10, 11, 13, 16, 27}) {
        const auto returned = "return=" + std::to_string(code);
        const Setter silent{Rules{.account = returned}};
        auto end = silent.set({built("next-link"), "false"});
        CHECK(end.status == 1);
        CHECK(end.out == "553 Sorry, your account does not allow it (#5.7.1)\n");
        CHECK(silent.told() == "ask Password:=old\n");
        const Setter loud{Rules{.account = "error=Your_account_has_expired. " + returned}};
        end = loud.set();
        CHECK(end.status == 1);
        CHECK(end.out == "553 Sorry, Your account has expired. (#5.7.1)\n");
    }
}

TEST_CASE("a password that must be changed can be") {
    if (no_root()) return;
    const Setter setter{Rules{.account = "error=You_must_change_it return=12"}};
    const auto end = setter.set();
    CHECK(end.status == 0);
    CHECK(end.out == "");
}

TEST_CASE("a refusal before the old password was right gives no reason") {
    if (no_root()) return;
    for (const int code : {6, 11, 12, 13, 16, 27}) {
        const Setter setter{
            Rules{.authenticate = "error=Locked ask=? return=" + std::to_string(code)}};
        auto program = setter.program();
        // For a user who does not exist the answer is an unknown user.
        auto end = run(program);
        CHECK(end.status == 1);
        CHECK(end.out == wrong);
        program.argv.insert(program.argv.end(), {built("next-link"), "9", "false"});
        CHECK(run(program).status == 9);
        // For a user who exists a refusal is final.
        program.record = bytes("nobody\0old\0\0new\0");
        end = run(program);
        CHECK(end.status == 1);
        CHECK(end.out == wrong);
    }
}

TEST_CASE("accounts below the least uid are unknown, their password is not asked for") {
    if (no_root()) return;
    const Setter setter{Rules{.authenticate = "ask=?"}};
    const auto set = [&](std::string_view login, std::vector<std::string> words) {
        auto program = setter.program(std::move(words));
        program.record = std::string{login} + bytes("\0old\0\0new\0");
        return run(program);
    };
    for (const auto* const login : {"root", "daemon"}) {
        auto end = set(login, {});
        CHECK(end.status == 1);
        CHECK(end.out == wrong);
        CHECK(set(login, {built("next-link"), "8", "false"}).status == 8);
    }
    CHECK(setter.told().find("=old") == std::string::npos);
    CHECK(setter.told().find("=new") == std::string::npos);
    CHECK(set("nobody", {"--min-uid", "65535"}).status == 1);
    CHECK(set("nobody", {"--min-uid", "65534"}).status == 0);
    CHECK(set("daemon", {"--min-uid", "1"}).status == 0);
}

TEST_CASE("users whom only PAM knows have names of printable ASCII, unless --renamed is given") {
    if (no_root()) return;
    const Setter setter{Rules{}};
    const auto set = [&](std::vector<std::string> words) {
        auto program = setter.program(std::move(words));
        program.record = "\xef\xbd\x8aoe" + bytes("\0old\0\0new\0");
        return run(program).status;
    };
    CHECK(set({}) == 1);
    CHECK(set({built("next-link"), "8", "false"}) == 8);
    CHECK(setter.told().find("=old") == std::string::npos);
    CHECK(set({"--renamed"}) == 0);
}

TEST_CASE("a module that maps the login to an account below the least uid") {
    if (no_root()) return;
    const Setter setter{Rules{.authenticate = "ask=? user=root"}};
    const auto end = setter.set();
    CHECK(end.status == 1);
    CHECK(end.out == wrong);
    CHECK(setter.set({"--min-uid", "0", "--renamed"}).status == 0);
}

TEST_CASE("a user whom the modules rename is refused, unless --renamed is given") {
    if (no_root()) return;
    const auto set = [](const Setter& setter, std::vector<std::string> words,
                        const std::string& login) {
        auto program = setter.program(std::move(words));
        program.record = login + bytes("\0old\0\0new\0");
        return run(program);
    };
    for (const Rules& rules :
         {Rules{.authenticate = "ask=? user=joe"}, Rules{.account = "user=joe"}}) {
        const Setter setter{rules};
        CHECK(set(setter, {}, "JOE").status == 0);
        CHECK(set(setter, {"--renamed"}, "j.doe").status == 0);
        write_file(setter.log(), "");
        const auto end = set(setter, {}, "j.doe");
        CHECK(end.status == 1);
        CHECK(end.out == wrong);
        CHECK(end.err == "setpw-pam: PAM takes the login j.doe for joe: --renamed allows this\n");
        CHECK(setter.told().find("New password") == std::string::npos);
        CHECK(set(setter, {built("next-link"), "8", "false"}, "j.doe").status == 8);
    }
}

TEST_CASE("modules that take another user during the change: the result is not known") {
    if (no_root()) return;
    const std::string what = "a module changed PAM_USER to another name";
    for (const auto& [change, words] : {std::pair{"ask=? user=ann update ask=?", not_known},
                                        {"ask=? update ask=? user=JOE", not_known},
                                        {"ask=? user=ann return=20", trouble}}) {
        CAPTURE(change);
        const Setter setter{Rules{.change = change}};
        const auto end = setter.set({"--renamed"});
        CHECK(end.status == 111);
        CHECK(end.out == words);
        CHECK(end.err == setter.log_line("password change", what));
    }
}

TEST_CASE("the real uid during the change is nobody's, and ALRM, TERM, INT and HUP wait") {
    if (no_root()) return;
    const Setter setter{
        Rules{.authenticate = "ask=? ids", .change = "ids block update ask=? ask=? ids"}};
    const auto ids = [&](std::vector<std::string> words) {
        write_file(setter.log(), "");
        CHECK(setter.set(std::move(words)).status == 0);
        std::string lines;
        const auto told = setter.told();
        for (std::size_t at = 0; (at = told.find("ids ", at)) != told.npos; ++at)
            lines += told.substr(at, told.find('\n', at) + 1 - at);
        CHECK(told.find("blocked 1 2 14 15\n") != told.npos);
        return lines;
    };
    CHECK(ids({}) == "ids 0 0 0\nids 65533 0 0\nids 65533 0 0\n");
    CHECK(ids({"--ruid", "40001"}) == "ids 0 0 0\nids 40001 0 0\nids 40001 0 0\n");
    // With the user's own uid, the user could stop the change.
    const Setter again{Rules{.authenticate = "ask=?", .change = "ask=?"}};
    const SystemAccount account{"old", {"--uid", "40002"}};
    auto program = again.program({"--ruid", "40002"});
    program.record = account.name() + bytes("\0old\0\0new\0");
    const auto end = run(program);
    CHECK(end.status == 111);
    CHECK(end.out == trouble);
    CHECK(end.err == "setpw-pam: the real uid of the change must not be the user's own\n");
    CHECK(again.told() == "ask ?=old\n");
}

TEST_CASE("only root and the real uid can signal a change that runs") {
    if (no_root()) return;
    const TemporaryDirectory directory;
    const Setter setter{
        Rules{.change = "ask=? update ids ask=? ask=? await=" + directory.file("go")}};
    const SystemAccount account{"old"};
    auto program = setter.program();
    program.record = account.name() + bytes("\0old\0\0new\0");
    Process process{program};
    for (int i = 0; i < 1000 && setter.told().find("pid ") == std::string::npos; ++i)
        ::usleep(10'000);
    REQUIRE(setter.told().find("pid " + std::to_string(process.pid()) + "\n") != std::string::npos);
    const auto signal_as = [&](uid_t uid, int number) {
        return in_child([&] {
            if (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) return 100;
            return ::kill(process.pid(), number) == 0 ? 0 : errno;
        });
    };
    for (const uid_t uid : {account.uid(), uid_t{65534}, uid_t{1}, uid_t{40000}})
        for (const int number : {0, SIGKILL, SIGTERM, SIGSTOP, SIGABRT})
            CHECK(signal_as(uid, number) == EPERM);
    CHECK(signal_as(65533, 0) == 0);
    // Signals are blocked until the change is over.
    CHECK(signal_as(65533, SIGTERM) == 0);
    write_file(directory.file("go"), "");
    const auto end = process.wait();
    CHECK(end.status == 0);
    CHECK(setter.told().ends_with("ask ?=new\nask ?=new\n"));
}

TEST_CASE("success of modules that never asked for the new password is trouble") {
    if (no_root()) return;
    for (const auto* const words : {"", "update", "ask=? old update", "info=Done"}) {
        const Setter setter{Rules{.change = words}};
        const auto end = setter.set();
        CHECK(end.status == 111);
        CHECK(end.out == trouble);
        CHECK(end.err == setter.log_line("password change",
                                         "success without a question for the new password"));
    }
    // With the real module.
    const TemporaryDirectory directory;
    const PamService permit{fixture_rule("auth required", "ask=?") +
                            "account required pam_permit.so\npassword required pam_permit.so\n"};
    const auto end = run({.argv = {built("setpw-pam"), "-s", permit.name()}, .record = record});
    CHECK(end.status == 111);
    CHECK(end.out == trouble);
}

TEST_CASE("modules that accept without asking would accept any password") {
    if (no_root()) return;
    for (const auto* const rule :
         {"auth sufficient pam_rootok.so\n", "auth required pam_permit.so\n"}) {
        const PamService service{rule + fixture_rule("account required") +
                                 fixture_rule("password required", "ask=? update ask=? ask=?")};
        const auto end =
            run({.argv = {built("setpw-pam"), "-s", service.name()}, .record = record});
        CHECK(end.status == 111);
        CHECK(end.out == trouble);
        CHECK(end.err.find("authentication: accepted without a question for the password") !=
              std::string::npos);
    }
}

TEST_CASE("a refused new password: the first error message is the reason, and nobody asks again") {
    if (no_root()) return;
    SUBCASE("an error after the first answer") {
        // As pam_pwquality and others do with retry=3.
        const Setter setter{Rules{.change = "ask=Current: old update ask=New: "
                                            "error=BAD_PASSWORD:_too_short ask=New: "
                                            "error=BAD_PASSWORD:_again ask=New: return=20"}};
        const auto end = setter.set();
        CHECK(end.status == 1);
        CHECK(end.out == "553 Sorry, BAD PASSWORD: too short (#5.7.1)\n");
        CHECK(end.err == "");
        CHECK(setter.told() == "ask Password:=old\nask Current:=old\nask New:=new\n"
                               "error BAD PASSWORD: too short fails 19\nask New: fails 19\n"
                               "error BAD PASSWORD: again fails 19\nask New: fails 19\n");
    }
    SUBCASE("and the prompt in one call") {
        const Setter setter{Rules{.change = "ask=Current: update ask=New: both=Weak return=19"}};
        const auto end = setter.set();
        CHECK(end.status == 1);
        CHECK(end.out == "553 Sorry, Weak (#5.7.1)\n");
    }
    SUBCASE("the module returns what it likes") {
        for (const int code : {3, 4, 5, 19, 20, 26}) {
            const Setter setter{Rules{.change = "ask=Current: update ask=New: error=Weak return=" +
                                                std::to_string(code)}};
            const auto end = setter.set();
            CHECK(end.status == 1);
            CHECK(end.out == "553 Sorry, Weak (#5.7.1)\n");
        }
    }
    SUBCASE("an error before any answer, as of the minimum age") {
        const Setter setter{Rules{.change = "ask=Current: error=You_must_wait_longer return=20"}};
        const auto end = setter.set();
        CHECK(end.status == 1);
        CHECK(end.out == "553 Sorry, You must wait longer (#5.7.1)\n");
    }
    SUBCASE("no words") {
        for (const int code : {6, 7, 10, 11, 13, 20, 21, 23, 27}) {
            const Setter setter{
                Rules{.change = "ask=? update ask=? ask=? return=" + std::to_string(code)}};
            const auto end = setter.set();
            CHECK(end.status == 1);
            CHECK(end.out == "553 Sorry, the new password was refused (#5.7.1)\n");
            CHECK(end.err == "");
        }
    }
    SUBCASE("words with a password in them") {
        const Setter setter{Rules{.change = "ask=? update ask=? error=new_is_bad return=20"}};
        CHECK(setter.set().out == "553 Sorry, the new password was refused (#5.7.1)\n");
    }
    SUBCASE("a warning after the last answer is no refusal if the modules go on") {
        const Setter setter{Rules{.change = "ask=? update ask=? ask=? error=Weak,_but_well"}};
        const auto end = setter.set();
        CHECK(end.status == 0);
        CHECK(end.out == "");
    }
}

TEST_CASE("trouble of modules, and what the user is told about the password then") {
    if (no_root()) return;
    const auto failed = [](const Rules& rules, std::string_view words, std::string_view step,
                           std::string_view what) {
        const Setter setter{rules};
        const auto end = setter.set({built("next-link"), "false"});
        CAPTURE(rules.authenticate);
        CAPTURE(rules.account);
        CAPTURE(rules.change);
        CHECK(end.status == 111);
        CHECK(end.out == words);
        CHECK(end.err == setter.log_line(std::string{step}, std::string{what}));
    };
    for (const auto& [code, text] : std::vector<std::pair<int, const char*>>{
             {3, "Error in service module"},
             {4, "System error"},
             {5, "Memory buffer error"},
             {8, "Insufficient credentials to access authentication data"},
             {9, "Authentication service cannot retrieve authentication info"},
             {26, "Critical error - immediate abort"},
             {28, "Module is unknown"}}) {
        const auto returned = "return=" + std::to_string(code);
        failed({.authenticate = "ask=? " + returned}, trouble, "authentication", text);
        failed({.account = returned}, trouble, "account management", text);
        failed({.change = returned}, trouble, "password change", text);
        failed({.change = "ask=? update ask=? " + returned}, not_known, "password change", text);
    }
    failed({.change = "ask=? return=24"}, trouble, "password change",
           "Failed preliminary check by password service");
    failed({.change = "ask=? update ask=? return=22"}, not_known, "password change",
           "Authentication token lock busy");
    failed({.authenticate = "ask=? ask=? return=19"}, trouble, "authentication",
           "the modules ask for a password more than once");
    failed({.authenticate = "ask=? ask=? return=7"}, trouble, "authentication",
           "the modules ask for a password more than once");
    failed({.authenticate = "echo=login: return=7"}, trouble, "authentication",
           "a module asks for something else than a password");
    failed({.account = "ask=? return=6"}, trouble, "account management",
           "a module asks for a password that this step does not need");
    failed({.change = "ask=? echo=Your_name: update return=20"}, trouble, "password change",
           "a module asks for something else than a password");
    failed({.change = "ask=? update ask=? ask=? ask=? return=20"}, not_known, "password change",
           "the modules ask for a new password more than once");
    failed({.change = "many=50 return=19"}, trouble, "password change",
           "a module sends 50 messages at once");
    failed({.change = "null-message return=19"}, trouble, "password change",
           "a module sends a null message");
    failed({.change = "no-room return=19"}, trouble, "password change",
           "a module asks and takes no answer");
    failed({.change = "update ask=New ask=Retype return=19"}, trouble, "password change",
           "the modules do not ask for the old password");
}

TEST_CASE("unusual modules that are served") {
    if (no_root()) return;
    const auto served = [](const Rules& rules, std::string_view told) {
        const Setter setter{rules};
        const auto end = setter.set();
        CAPTURE(rules.change);
        CHECK(end.status == 0);
        CHECK(end.out == "");
        CHECK(end.err == "");
        CHECK(setter.told() == "ask Password:=old\n" + std::string{told});
    };
    served({.change = "null-text update null-text null-text"},
           "null-text (null)=old\nnull-text (null)=new\nnull-text (null)=new\n");
    served({.change = "no-room-info ask=? update ask=?"}, "no-room-info 0\nask ?=old\nask ?=new\n");
    std::string many;
    for (int i = 0; i < 32; ++i) many += "many more\n";
    served({.change = "many=32 ask=? update twice=New"},
           many + "ask ?=old\ntwice New=new\ntwice New=new\n");
    served({.change = "twice=Everything ask=Everything update"},
           "twice Everything=old\ntwice Everything=new\nask Everything=new\n");
    served({.change = "ask=Altes_Passwort old update ask=Neues_Passwort ask=Nochmal new"},
           "ask Altes Passwort=old\nask Neues Passwort=new\nask Nochmal=new\n");
}

TEST_CASE("missing or incomplete services are trouble of the server") {
    if (no_root()) return;
    const auto end_of = [](const std::string& service) {
        return run({.argv = {built("setpw-pam"), "-s", service, built("next-link"), "false"},
                    .record = record});
    };
    auto end = end_of("pptest-none-such");
    CHECK(end.status == 111);
    CHECK(end.out == trouble);
    CHECK(end.err == "setpw-pam: PAM service pptest-none-such: there is no file "
                     "/etc/pam.d/pptest-none-such: make it, or correct the name\n");
    const PamService half{fixture_rule("auth required", "ask=?") +
                          fixture_rule("account required")};
    end = end_of(half.name());
    CHECK(end.status == 111);
    CHECK(end.out == trouble);
    CHECK(end.err == "setpw-pam: PAM service " + half.name() +
                         ": its file has no line for password: add one, as checkpw-pam(8) shows\n");
    const PamService module{"auth required /nonexistent/module.so\naccount required pam_permit.so\n"
                            "password required pam_permit.so\n"};
    end = end_of(module.name());
    CHECK(end.status == 111);
    CHECK(end.out == trouble);
    CHECK(end.err ==
          "setpw-pam: PAM service " + module.name() + ", authentication: Module is unknown\n");
}

TEST_CASE("without root nothing begins") {
    const auto as = ::geteuid() == 0 ? std::optional{nobody} : std::nullopt;
    const auto end = run({.argv = {built("setpw-pam"), "-s", "login"}, .record = record, .as = as});
    CHECK(end.status == 111);
    CHECK(end.out == trouble);
    CHECK(end.err == "setpw-pam: needs root: start it as root\n");
}

TEST_CASE("a locale in the environment changes nothing") {
    if (no_root()) return;
    const Setter setter{Rules{.authenticate = "ask=? locale", .change = "ask=? return=3"}};
    auto program = setter.program();
    for (const auto* const name : {"LC_ALL", "LANG", "LANGUAGE", "LC_MESSAGES"})
        program.environment[name] = "de_DE.UTF-8";
    const auto end = run(program);
    CHECK(end.err == setter.log_line("password change", "Error in service module"));
    CHECK(setter.told().find("\nNo such file or directory\n") != std::string::npos);
}

TEST_CASE("a change that hangs is not ended by TERM") {
    if (no_root()) return;
    const Setter setter{Rules{.change = "ask=? update ask=? hang"}};
    Process process{setter.program()};
    for (int i = 0; i < 1000 && setter.told().find("=new") == std::string::npos; ++i)
        ::usleep(10'000);
    process.signal(SIGTERM);
    CHECK_FALSE(process.run_until([] { return false; }, milliseconds{100}));
    process.signal(SIGKILL);
    CHECK(process.wait().signal == SIGKILL);
}
