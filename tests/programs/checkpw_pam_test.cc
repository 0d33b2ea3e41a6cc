// checkpw-pam with a PAM service of our own, whose module does what each case tells it.
#include "support/pam_things.hh"

#include <doctest/doctest.h>

#include <cctype>
#include <csignal>
#include <fcntl.h>
#ifdef POPPASS_LINUX
#include <sys/prctl.h>
#endif
#include <unistd.h>

using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

const std::string record = bytes("joe\0old\0\0\0");

using Rules = PamRules;

struct Checker : PamLink {
    explicit Checker(const Rules& rules) : PamLink{"checkpw-pam", ::record, rules} {}

    using PamLink::program;
    Program program(const Words& words, const std::string& bytes) const {
        auto made = program(words);
        made.record = bytes;
        return made;
    }
    Outcome check(const Words& words = {}) const { return run(program(words)); }
    Outcome check(const Words& words, const std::string& bytes) const {
        return run(program(words, bytes));
    }
};

bool no_root() { return missing(::geteuid() == 0, "root"); }

void is(const Outcome& end, int status, const std::string& errors = "") {
    CHECK(end.status == status);
    CHECK(end.out == "");
    CHECK(end.err == errors);
}

std::string record_of(const std::string& user, const std::string& password = "old") {
    return user + bytes("\0") + password + bytes("\0\0\0");
}

} // namespace

TEST_CASE("a password is right or wrong; the link writes nothing in either case") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    is(checker.check(), 0);
    is(checker.check({}, record_of("joe", "wrong")), 1);
    is(checker.check({}, record_of("joe", "")), 1);
    CHECK(checker.told() == "ask Password:=old\nask Password:=wrong\nask Password:=\n");
    is(checker.check({}, record_of("", "old")), 1); // no user has this name
    // The bytes after the timestamp belong to the caller.
    is(checker.check({}, bytes("joe\0old\0Y123456\0and\0more")), 0);
}

TEST_CASE("the rest of a fallback chain runs where the user or the password is not known") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    const Words next{"--", built("next-link"), "7", "/bin/false"};
    is(checker.check(next), 0);
    const auto wrong = record_of("joe", "wrong");
    const auto end = checker.check(next, wrong);
    CHECK(end.status == 7);
    const auto link = parse_next_link(end.out);
    CHECK(link.record == wrong);
    CHECK(link.descriptors == std::vector{0, 1, 2, 3});
    CHECK(link.uids == std::vector<uid_t>(3, 0));
    // A user whom policy refuses is not tried elsewhere either.
    for (const int code : {6, 7, 10, 11, 12, 13, 27}) {
        const Checker policy{Rules{.account = "error=Expired return=" + std::to_string(code)}};
        is(policy.check(next), 1);
    }
}

TEST_CASE("every failure of credentials has the same status and no text") {
    if (no_root()) return;
    for (const int code : {6, 7, 10, 11, 12, 13, 16, 27}) {
        const auto returned = "return=" + std::to_string(code);
        for (const auto* const user : {"joe", "nobody", "root"}) {
            is(Checker{Rules{.authenticate = "ask=? error=Reason " + returned}}.check(
                   {}, record_of(user)),
               1);
            is(Checker{Rules{.account = "error=Reason " + returned}}.check({}, record_of(user)), 1);
        }
    }
}

TEST_CASE("a password that must be changed needs --allow-expired, not for expired accounts") {
    if (no_root()) return;
    const Checker must{Rules{.account = "return=12"}};
    is(must.check(), 1);
    is(must.check({"--allow-expired"}), 0);
    is(must.check({"--allow-expired"}, record_of("joe", "wrong")), 1);
    is(Checker{Rules{.account = "return=13"}}.check({"--allow-expired"}), 1);
    is(Checker{Rules{.account = "return=27"}}.check({"--allow-expired"}), 1);
    // If a module says this before the password was judged, it is a refusal.
    is(Checker{Rules{.authenticate = "ask=? return=12"}}.check({"--allow-expired"}), 1);
}

TEST_CASE("accounts below the least uid are unknown, and their password reaches no module") {
    if (no_root()) return;
    const Checker checker{Rules{.authenticate = "ask=?"}};
    for (const auto* const user : {"root", "daemon"}) {
        is(checker.check({}, record_of(user)), 1);
        CHECK(checker.check({built("next-link"), "9", "false"}, record_of(user)).status == 9);
    }
    CHECK(checker.told().find("=old") == std::string::npos);
    is(checker.check({"--min-uid", "0"}, record_of("root")), 0);
    is(checker.check({"--min-uid", "2"}, record_of("daemon")), 1);
    is(Checker{Rules{.authenticate = "ask=? user=daemon"}}.check(), 1);
}

TEST_CASE("--check names the modules that are missing, and what then happens") {
    if (no_root()) return;
    const PamService other{"account optional /no/such/other.so\n"};
    const auto look = [](const std::string& rules, int status) {
        const PamService service{rules};
        const auto outcome = run({.argv = {built("checkpw-pam"), "--check", "-s", service.name()}});
        CHECK(outcome.status == status);
        const std::string path = "/etc/pam.d/" + service.name();
        std::string out = outcome.out;
        for (std::size_t at; (at = out.find(path)) != out.npos;) out.replace(at, path.size(), "%");
        return out;
    };
    const auto has = [](const std::string& text, const std::string& part) {
        CAPTURE(text);
        CHECK(text.find(part) != text.npos);
    };
    const std::string account = "account required pam_permit.so\n";
    // libpam's own directory.
    const auto missing =
        look("auth required pam_permit.so\n\nauth required pam_nosuch.so\n" + account, 2);
    has(missing, R"({"level": "error", "subject": "%", "text": "line 3 names the module )");
    has(missing,
        "/security/pam_nosuch.so, which is missing, so PAM refuses every user at this line: "
        "install the package that has it, or correct the line\"}");
    CHECK(missing.find("pam_permit") == missing.npos);
    has(look("auth sufficient pam_nosuch.so\n" + account, 1),
        "pam_nosuch.so, which is missing, so PAM leaves this line out: install the package that "
        "has "
        "it, or remove the line");
    has(look("auth required pam_permit.so\n@include " + other.name() + "\n", 1),
        "/etc/pam.d/" + other.name() +
            "\", \"text\": \"line 1 names the module /no/such/other.so,");
    // The hyphen only keeps the log quiet. session is not asked.
    has(look("-auth required pam_nosuch.so\n" + account, 2), "refuses every user");
    has(look("auth required pam_permit.so\n-auth optional pam_nosuch.so\nsession required x.so\n" +
                 account,
             0),
        "PAM has rules for the service");
}

TEST_CASE("users whom only PAM knows have names of printable ASCII, unless --renamed is given") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    for (const std::string login :
         {"\xef\xbd\x8aoe", "j\xc2\xadoe", " joe", "joe ", "two  words", "joe\t"}) {
        CAPTURE(login);
        is(checker.check({}, record_of(login)), 1);
        CHECK(checker.check({built("next-link"), "9", "false"}, record_of(login)).status == 9);
        CHECK(checker.told().find("=old") == std::string::npos);
        is(checker.check({"--renamed"}, record_of(login)), 0);
        write_file(checker.log(), "");
    }
    is(checker.check({}, record_of("two words")), 0);
}

TEST_CASE("options") {
    if (no_root()) return;
    const Checker checker{Rules{.authenticate = "ask=? items"}};
    const auto items = [&](const std::string& user, const std::string& peer) {
        return "service=" + checker.service.name() + " user=" + user + " peer=" + peer + "\n";
    };
    SUBCASE("service and peer") {
        auto program = checker.program();
        program.argv = {built("checkpw-pam")};
        program.environment["PAM_SERVICE"] = checker.service.name();
        program.environment["TCPREMOTEIP"] = "2001:db8::7";
        is(run(program), 0);
        program.environment["TCPREMOTEIP"] = "no address";
        is(run(program), 0);
        CHECK(checker.told() ==
              "ask ?=old\n" + items("joe", "2001:db8::7") + "ask ?=old\n" + items("joe", "(none)"));
        // libpam compares names in lower case.
        program.environment["PAM_SERVICE"] = "none-such";
        program.argv = {built("checkpw-pam"), "--service", checker.service.name()};
        is(run(program), 0);
    }
    SUBCASE("a domain that is taken off") {
        is(checker.check({"--strip", "*"}, record_of("joe@any.example")), 0);
        is(checker.check({"--strip", "a.example"}, record_of("ann@b.example")), 0);
        CHECK(checker.told() == "ask ?=old\n" + items("joe", "(none)") + "ask ?=old\n" +
                                    items("ann@b.example", "(none)"));
    }
    SUBCASE("command lines of checkpassword-pam and pam-checkpwd") {
        is(checker.check({"--debug", "--stdout", "--noenv", "--no-chdir-home", "--"}), 0,
           "checkpw-pam: hidden prompt \"?\": the old password\n");
        const auto end = checker.check(
            {"-e", "-H", "-i", "imap", "--", built("next-link"), "3", "/usr/bin/false"},
            record_of("root"));
        CHECK(end.status == 3);
        CHECK(parse_next_link(end.out).environment.at("AUTHSERVICE") == "imap");
    }
    SUBCASE("help and version") {
        for (const auto* const option : {"-h", "--help", "-V", "--version"}) {
            const auto end = run({.argv = {built("checkpw-pam"), option}});
            CHECK(end.status == 0);
            CHECK(end.out.find("checkpw-pam") != std::string::npos);
        }
    }
}

TEST_CASE("misuse, before the record is read") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    const auto misused = [&](const Words& words, std::string_view says, Environment changes = {}) {
        auto program = checker.program(words);
        for (auto& [name, value] : changes) program.environment[name] = value;
        const auto end = run(program);
        CAPTURE(end.err);
        CHECK(end.status == 2);
        CHECK(end.out == "");
        CHECK(end.err.find(says) != std::string::npos);
        CHECK(checker.told() == "");
    };
    misused({"-x"}, "no such option: -x");
    misused({"--ruid", "1"}, "no such option");
    misused({"-s", "passwd"}, "must not be passwd");
    misused({"-s", ""}, "named as a file");
    misused({"--min-uid", "x"}, "--min-uid must be a number");
    misused({"qmail-pop3d", "Maildir"}, "--native");
    misused({"--", "/bin/true"}, "--native");
    misused({"--native"}, "needs a program");
    misused({"--native", "--no-delay", "/bin/true"}, "--no-delay");
    misused({"--no-delay", "/bin/true"}, "--no-delay", {{"NATIVE_CHECKPASSWORD", "1"}});
    misused({"--no-delay", "/bin/true"}, "--no-delay", {{"DOVECOT_VERSION", "2.3.19"}});
    const auto end = run({.argv = {built("checkpw-pam")},
                          .environment = {{"PAM_SERVICE", "../login"}},
                          .record = record});
    is(end, 2, "checkpw-pam: the PAM service must be named as a file in /etc/pam.d is\n");
}

TEST_CASE("malformed records") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    for (const auto& bad :
         {std::string{}, bytes("joe\0old\0"), bytes("joe\0old"), std::string(513, 'x')}) {
        const auto end = checker.check({}, bad);
        CHECK(end.status == 2);
        CHECK(end.out == "");
        CHECK(checker.told() == "");
    }
}

TEST_CASE("trouble of modules is the server's, and names service and step") {
    if (no_root()) return;
    const auto failed = [](const Rules& rules, const std::string& step, const std::string& what) {
        const Checker checker{rules};
        CAPTURE(rules.authenticate);
        CAPTURE(rules.account);
        is(checker.check({built("next-link"), "false"}), 111, checker.log_line(step, what));
        is(checker.check({"--native", built("next-link")}), 111, checker.log_line(step, what));
    };
    for (const auto& [code, text] : std::vector<std::pair<int, const char*>>{
             {3, "Error in service module"},
             {4, "System error"},
             {5, "Memory buffer error"},
             {9, "Authentication service cannot retrieve authentication info"},
             {20, "Authentication token manipulation error"},
             {26, "Critical error - immediate abort"},
             {28, "Module is unknown"}}) {
        failed({.authenticate = "ask=? return=" + std::to_string(code)}, "authentication", text);
        failed({.account = "return=" + std::to_string(code)}, "account management", text);
    }
    failed({.authenticate = "ask=? ask=? ask=? return=7"}, "authentication",
           "the modules ask for a password more than once");
    failed({.authenticate = "echo=login: return=7"}, "authentication",
           "a module asks for something else than a password");
    failed({.authenticate = "radio=Well? return=7"}, "authentication",
           "a module asks for something else than a password");
    failed({.authenticate = "binary=Well? return=7"}, "authentication",
           "a module asks for something else than a password");
    failed({.authenticate = "many=50 return=19"}, "authentication",
           "a module sends 50 messages at once");
    failed({.authenticate = "no-room return=7"}, "authentication",
           "a module asks and takes no answer");
    failed({.authenticate = "null-message return=7"}, "authentication",
           "a module sends a null message");
    failed({.account = "ask=? return=7"}, "account management",
           "a module asks for a password that this step does not need");
    const std::string any = "accepted without a question for the password; the modules (is "
                            "pam_rootok or pam_permit one of them?) would accept any";
    failed({.authenticate = ""}, "authentication", any);
    failed({.authenticate = "info=Hello"}, "authentication", any);
}

TEST_CASE("unusual modules that are served") {
    if (no_root()) return;
    for (const auto* const words :
         {"null-text want=old", "many=32 ask=? want=old", "no-room-info ask=? want=old",
          "info=One info=Two error=Three ask=? info=Four want=old",
          "ask=Neues_Passwort: want=old"}) {
        CAPTURE(words);
        const Checker checker{Rules{.authenticate = words}};
        is(checker.check(), 0);
        is(checker.check({}, record_of("joe", "wrong")), 1);
    }
    // A second prompt ends the conversation, but the modules' verdict counts.
    is(Checker{Rules{.authenticate = "ask=? want=old ask=?"}}.check(), 0);
}

TEST_CASE("a missing or incomplete service is not replaced by another one") {
    if (no_root()) return;
    const auto end_of = [](const std::string& service) {
        return run({.argv = {built("checkpw-pam"), "-s", service, built("next-link"), "false"},
                    .record = record});
    };
    is(end_of("pptest-none-such"), 111,
       "checkpw-pam: PAM service pptest-none-such: there is no file /etc/pam.d/pptest-none-such: "
       "make it, or correct the name\n");
    const PamService half{fixture_rule("auth required", "ask=?")};
    is(end_of(half.name()), 111,
       "checkpw-pam: PAM service " + half.name() +
           ": its file has no line for account: add one, as checkpw-pam(8) shows\n");
    const PamService module{"auth required /nonexistent/module.so\n"
                            "account required pam_permit.so\n"};
    is(end_of(module.name()), 111,
       "checkpw-pam: PAM service " + module.name() + ", authentication: Module is unknown\n");
    const PamService include{"@include pptest-none-such\n"};
    is(end_of(include.name()), 111,
       "checkpw-pam: PAM service " + include.name() +
           ": there is no file /etc/pam.d/pptest-none-such: make it, or correct the name\n");
}

TEST_CASE("without root: 111, before the record is read") {
    const auto as = ::geteuid() == 0 ? std::optional{nobody} : std::nullopt;
    is(run({.argv = {built("checkpw-pam"), "-s", "login"}, .record = record, .as = as}), 111,
       "checkpw-pam: needs root: start it as root\n");
}

TEST_CASE("PAM's delay after a failure, and --no-delay") {
    if (no_root()) return;
    // Longer than a program may run here, even if libpam halves it.
    const Checker checker{Rules{.authenticate = "delay=60000 ask=? want=old"}};
    const auto waits = [&](const std::string& user, const std::string& password) {
        Process process{checker.program({}, record_of(user, password))};
        CHECK_FALSE(process.run_until([] { return false; }, milliseconds{500}));
        return !has_ended(process.pid(), milliseconds{0});
    };
    CHECK(waits("joe", "wrong"));
    is(checker.check({"--no-delay"}, record_of("joe", "wrong")), 1);
    is(checker.check({}, record_of("joe", "old")), 0);
    // A system account takes as long as a wrong password, even if the password is right. So does a
    // user whom the modules rename.
    CHECK(waits("root", "old"));
    const auto renamed = [&](const std::string& name) {
        const Checker renaming{
            Rules{.authenticate = "delay=60000 ask=? items want=old user=" + name}};
        Process process{renaming.program({}, record_of("j.doe"))};
        CHECK_FALSE(process.run_until([] { return false; }, milliseconds{500}));
        CHECK_FALSE(has_ended(process.pid(), milliseconds{0}));
        const auto told = renaming.told();
        const std::string items =
            "service=" + renaming.service.name() + " user=j.doe peer=(none)\n";
        CHECK(told.starts_with("ask ?=old\n" + items + "ask ?="));
        CHECK(told.ends_with(items));
        CHECK(told.find("=old", 6) == told.npos);
    };
    renamed("joe");
    renamed("root");
}

TEST_CASE("a locale in the environment changes nothing") {
    if (no_root()) return;
    const Checker checker{Rules{.authenticate = "ask=? locale return=3"}};
    auto program = checker.program();
    for (const auto* const name : {"LC_ALL", "LANG", "LANGUAGE", "LC_MESSAGES"})
        program.environment[name] = "de_DE.UTF-8";
    is(run(program), 111, checker.log_line("authentication", "Error in service module"));
    CHECK(checker.told() == "ask ?=old\nNo such file or directory\n");
}

TEST_CASE("a native chain: the program runs as the user, and for no other") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    const SystemAccount account{"old", {"--shell", "/bin/sh", "--groups", "mail,users"}};
    const Words next{"-H", "--native", "--", built("next-link"), "5", "Maildir"};
    const auto end = checker.check(next, record_of(account.name()));
    CHECK(end.status == 5);
    const auto link = parse_next_link(end.out);
    CHECK(link.argv == Words{built("next-link"), "5", "Maildir"});
    CHECK(link.uids == std::vector<uid_t>(3, account.uid()));
    CHECK(link.gids == std::vector<gid_t>(3, account.gid()));
    CHECK(link.groups.size() == 3);
    CHECK(link.environment.at("USER") == account.name());
    CHECK(link.environment.at("HOME") == "/nonexistent");
    CHECK(link.environment.at("SHELL") == "/bin/sh");
    CHECK_FALSE(link.record);
    CHECK(link.descriptors == std::vector{0, 1, 2});
    SUBCASE("declared by the environment") {
        auto program = checker.program({"-H", built("next-link")}, record_of(account.name()));
        program.environment["NATIVE_CHECKPASSWORD"] = "1";
        CHECK(parse_next_link(run(program).out).uids == std::vector<uid_t>(3, account.uid()));
    }
    SUBCASE("not for a wrong password, a refused user, or an account below the least uid") {
        is(checker.check(next, record_of(account.name(), "wrong")), 1);
        is(checker.check(next, record_of("daemon")), 1);
        is(Checker{Rules{.account = "return=13"}}.check(next, record_of(account.name())), 1);
        is(Checker{Rules{.account = "return=12"}}.check(next, record_of(account.name())), 1);
    }
    SUBCASE("a home that is not there") {
        is(checker.check({"--native", built("next-link")}, record_of(account.name())), 111,
           "checkpw-pam: enter /nonexistent: No such file or directory\n");
    }
    SUBCASE("a virtual user: not as root") {
        is(checker.check({"--native", built("next-link")}, record_of("virt")), 111,
           "checkpw-pam: run a program for virt: this user has no account, and root runs no "
           "program for a user; name the account for such users with --virtual, or do not start "
           "the chain as root\n");
    }
    SUBCASE("--virtual: every user becomes that account") {
        const TemporaryDirectory for_all;
        for (const std::string& login : {std::string{"virt"}, account.name()}) {
            auto program = checker.program(
                {"--native", "--virtual", "nobody", "--", reachable("next-link", for_all)},
                record_of(login));
            program.environment["HOME"] = "/root";
            const auto seen = parse_next_link(run(program).out);
            CHECK(seen.uids == std::vector<uid_t>(3, nobody.uid));
            CHECK(seen.environment.at("USER") == login);
            CHECK_FALSE(seen.environment.contains("HOME"));
        }
    }
    SUBCASE("-e: nothing is become, USER is set") {
        auto program =
            checker.program({"--native", "-e", built("next-link")}, record_of(account.name()));
        program.environment["HOME"] = "/before";
        program.directory = "/tmp";
        const auto seen = parse_next_link(run(program).out);
        CHECK(seen.uids == std::vector<uid_t>(3, 0));
        CHECK(seen.environment.at("USER") == account.name());
        CHECK(seen.environment.at("HOME") == "/before");
        CHECK(seen.directory == "/tmp");
    }
    SUBCASE("root is never become") {
        const auto refused =
            checker.check({"--native", "--min-uid", "0", built("next-link")}, record_of("root"));
        is(refused, 111, "checkpw-pam: become root: no user gets the uid or the gid of root\n");
    }
}

#ifdef POPPASS_LINUX
TEST_CASE("the signal at the parent's end outlasts modules that change ids, but not the user's") {
    if (no_root()) return;
    const Checker checker{Rules{.authenticate = "ask=? drop want=old"}};
    const auto seen = [&](const Words& words, const std::string& bytes) {
        auto program = checker.program(words, bytes);
        program.before_exec = [] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); };
        const auto link = parse_next_link(run(program).out);
        REQUIRE(link.ran);
        return link.parent_signal;
    };
    CHECK(seen({built("next-link"), "false"}, record_of("joe", "wrong")) == SIGKILL);
    const SystemAccount account{"old"};
    CHECK(seen({"-H", "--native", built("next-link")}, record_of(account.name())) == 0);
}
#endif

TEST_CASE("names that the modules give: only the case may differ, unless --renamed is given") {
    if (no_root()) return;
    const SystemAccount account{"old"};
    const std::string& name = account.name();
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const auto refusal = [&](const std::string& login) {
        return "checkpw-pam: PAM takes the login " + login + " for " + name +
               ": --renamed allows this\n";
    };
    const Words next{"-H", "--native", "--", built("next-link")};
    const Words renamed{"--renamed", "-H", "--native", "--", built("next-link")};
    for (const Rules& rules :
         {Rules{.authenticate = "ask=? want=old user=" + name}, Rules{.account = "user=" + name}}) {
        const Checker checker{rules};
        for (const Words& words : {next, renamed}) {
            auto link = parse_next_link(checker.check(words, record_of(upper)).out);
            CHECK(link.environment["USER"] == name);
            CHECK(link.uids == std::vector<uid_t>(3, account.uid()));
        }
        is(checker.check(next, record_of("j.doe")), 1, refusal("j.doe"));
        // The next link and the modules are asked as after a wrong password.
        const auto handed_on =
            checker.check({built("next-link"), "7", "false"}, record_of("j.doe"));
        CHECK(handed_on.status == 7);
        CHECK(handed_on.err == refusal("j.doe"));
        is(checker.check({"--renamed"}, record_of("j.doe")), 0);
        is(checker.check(next, record_of("j.doe", "wrong")), 1);
        auto link = parse_next_link(checker.check(renamed, record_of("j.doe")).out);
        CHECK(link.environment["USER"] == name);
    }
    is(Checker{Rules{.account = "user="}}.check({"--renamed"}), 111,
       "checkpw-pam: PAM has no name for the user any more\n");
}

TEST_CASE("Dovecot: the ids stay as they are; look-ups need no password") {
    if (no_root()) return;
    const Checker checker{Rules{}};
    const SystemAccount account{"old"};
    const poppass::Fd reply{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    const auto as_dovecot = [&](const Checker& by, const std::string& bytes,
                                Environment more = {}) {
        auto program = by.program({built("next-link"), "6"}, bytes);
        program.environment["DOVECOT_VERSION"] = "2.3.19";
        for (auto& [name, value] : more) program.environment[name] = value;
        program.descriptors[4] = reply.get();
        return run(program);
    };
    const Environment lookup{{"AUTHORIZED", "1"}};
    const Environment credentials{{"AUTHORIZED", "1"}, {"CREDENTIALS_LOOKUP", "1"}};
    const auto nobodys = record_of(account.name(), "");
    SUBCASE("a check") {
        auto end = as_dovecot(checker, record_of(account.name()));
        CHECK(end.status == 6);
        const auto link = parse_next_link(end.out);
        CHECK(link.uids == std::vector<uid_t>(3, 0));
        CHECK(link.descriptors == std::vector{0, 1, 2, 4});
        CHECK(link.environment.at("userdb_uid") == std::to_string(account.uid()));
        CHECK(link.environment.at("userdb_gid") == std::to_string(account.gid()));
        CHECK(link.environment.at("EXTRA") == "userdb_uid userdb_gid");
        CHECK_FALSE(link.environment.contains("AUTHORIZED"));
        is(as_dovecot(checker, record_of(account.name(), "wrong")), 1);
        // With a password it is a check, whatever the environment says.
        is(as_dovecot(checker, record_of(account.name(), "wrong"), lookup), 1);
    }
    SUBCASE("a look-up") {
        const auto end = as_dovecot(checker, nobodys, lookup);
        CHECK(end.status == 6);
        const auto link = parse_next_link(end.out);
        CHECK(link.environment.at("AUTHORIZED") == "2");
        CHECK(link.environment.at("HOME") == "/nonexistent");
        CHECK(link.environment.at("userdb_uid") == std::to_string(account.uid()));
        CHECK(checker.told() == "");
        is(as_dovecot(checker, record_of("no-such-user", ""), lookup), 3);
        is(as_dovecot(checker, record_of("root", ""), lookup), 3);
        is(as_dovecot(checker, record_of("no-such-user", ""), credentials), 1);
    }
    SUBCASE("a look-up of who may not log in") {
        const Checker expired{Rules{.account = "return=13"}};
        CHECK(as_dovecot(expired, nobodys, lookup).status == 6);
        is(as_dovecot(expired, nobodys, credentials), 1);
        CHECK(as_dovecot(checker, nobodys, credentials).status == 6);
    }
    SUBCASE("no look-up without descriptor 4, or without Dovecot") {
        auto program = checker.program({built("next-link")}, nobodys);
        program.environment["AUTHORIZED"] = "1";
        program.environment["NATIVE_CHECKPASSWORD"] = "1";
        program.descriptors[4] = reply.get();
        is(run(program), 1);
        program.environment["DOVECOT_VERSION"] = "2.3.19";
        program.descriptors.clear();
        is(run(program), 1);
    }
}
