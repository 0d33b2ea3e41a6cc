// checkpw-ldap and setpw-ldap, under poppass and alone, with a real slapd and password policies.
#include "support/accounts.hh"
#include "support/conversation.hh"
#include "support/ldap_server.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace poppass::test;

namespace {

using Clock = std::chrono::steady_clock;

const std::string dn_template = "uid=%u," + people;
const std::string wrong_words = "553 Sorry, old password is incorrect (#5.7.1)\n";
const std::string nothing_words =
    "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n";

Words operator+(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

std::string check_record(const std::string& login, const std::string& password) {
    return login + '\0' + password + bytes("\0\0\0");
}

std::string set_record(const std::string& login, const std::string& old, const std::string& fresh) {
    return login + '\0' + old + bytes("\0\0") + fresh + '\0';
}

Outcome check(const Words& options, const std::string& login, const std::string& password) {
    return run(
        {.argv = Words{built("checkpw-ldap")} + options, .record = check_record(login, password)});
}

Outcome change(const Words& options, const std::string& login, const std::string& old,
               const std::string& fresh) {
    return run(
        {.argv = Words{built("setpw-ldap")} + options, .record = set_record(login, old, fresh)});
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

Words next_link(const std::string& status = "42") {
    return {built("next-link"), status, "/bin/false"};
}

LdapServerPlan policies() {
    const std::string strict =
        policy_entry("length", "pwdCheckQuality: 2\npwdMinLength: 8\n") +
        policy_entry("history", "pwdInHistory: 3\n") + policy_entry("young", "pwdMinAge: 3600\n") +
        policy_entry("fixed", "pwdAllowUserChange: FALSE\n") +
        policy_entry("lockout", "pwdLockout: TRUE\npwdMaxFailure: 3\npwdLockoutDuration: 0\n") +
        policy_entry("reset", "pwdMustChange: TRUE\n") + policy_entry("expiry", "pwdMaxAge: 60\n") +
        policy_entry("grace", "pwdMaxAge: 60\npwdGraceAuthNLimit: 5\n");
    const auto with = [](const std::string& uid, const std::string& policy,
                         const std::string& more = {}) {
        return user_entry(uid, "old", "pwdPolicySubentry: " + policy_dn(policy) + "\n" + more);
    };
    return {.entries = strict + user_entry("joe", "old") + user_entry("zoe", "zoe's") +
                       with("ann", "length") + with("bob", "history") +
                       with("cat", "young", "pwdChangedTime: 20200101000000Z\n") +
                       with("dan", "fixed") + with("eve", "lockout") +
                       with("fay", "reset", "pwdReset: TRUE\n") +
                       with("gus", "expiry", "pwdChangedTime: 20200101000000Z\n") +
                       with("hal", "grace", "pwdChangedTime: 20200101000000Z\n") +
                       with("ida", "lockout", "pwdAccountLockedTime: 20200101000000Z\n")};
}

struct Directory {
    LdapServer server;
    explicit Directory(const LdapServerPlan& plan = policies()) {
        server.prepare(plan);
        server.start();
    }
    Words options() const { return {"-H", server.uri(), "-D", dn_template}; }
    Words search(const std::string& filter = "(uid=%u)") const {
        return {"-H", server.uri(), "-b", suffix, "-q", filter};
    }
    bool binds(const std::string& uid, const std::string& password) const {
        return can_bind(server.uri(), user_dn(uid), password);
    }
};

Service service(const Words& options, const Words& check_options = {"--allow-expired"}) {
    return {.check = Words{built("checkpw-ldap")} + options + check_options + Words{"/bin/false"},
            .change = quoted(Words{built("setpw-ldap")} + options + Words{"/bin/false"})};
}

// A whole session that changes a password. Returns the reply to `newpass`, or to `pass` if
// `newpass` was not reached.
std::string session(const Service& service, const std::string& login, const std::string& old,
                    const std::string& fresh, std::string* log = nullptr) {
    Conversation client{service};
    CHECK(client.ask("user " + login) == "200 Your password please.");
    std::string reply = client.ask("pass " + old);
    if (reply == "200 Your new password please.") reply = client.ask("newpass " + fresh);
    CHECK(client.ask("quit") == "200 Bye.");
    const auto outcome = client.end();
    if (log != nullptr) *log = outcome.err;
    for (const auto& password : {old, fresh})
        if (password.size() > 3) CHECK_FALSE(has(outcome.err, password));
    return reply;
}

std::string closed_uri() { return "ldap://127.0.0.1:" + free_port(); }

bool no_slapd() { return missing(have_slapd(), "slapd"); }

} // namespace

TEST_CASE("poppass checks and changes a password in the directory") {
    if (no_slapd()) return;
    const Directory directory;
    std::string log;
    SUBCASE("a DN from a template") {
        CHECK(session(service(directory.options()), "joe", "old", "first new", &log) ==
              "200 Password changed, thank-you.");
    }
    SUBCASE("a DN found by a search") {
        CHECK(session(service(directory.search("(mail=%s)")), "joe@example.org", "old", "first new",
                      &log) == "200 Password changed, thank-you.");
    }
    SUBCASE("at a socket") {
        CHECK(session(service({"-H", directory.server.socket_uri(), "-D", dn_template}), "joe",
                      "old", "first new", &log) == "200 Password changed, thank-you.");
    }
    CHECK(directory.binds("joe", "first new"));
    CHECK_FALSE(directory.binds("joe", "old"));
    CHECK(has(log, "event=check result=accepted"));
    CHECK(has(log, "link=checkpw-ldap status=0"));
    CHECK(has(log, "event=change result=changed"));
    CHECK(has(log, "link=setpw-ldap status=0"));
    CHECK_FALSE(has(log, "checkpw-ldap:")); // there is nothing to report
    CHECK_FALSE(has(log, "setpw-ldap:"));
}

TEST_CASE("wrong password, unknown user and locked account have one answer") {
    if (no_slapd()) return;
    const Directory directory;
    const auto chains = service(directory.options());
    for (const auto& [login, password] : std::vector<std::pair<std::string, std::string>>{
             {"joe", "bad"}, {"nemo", "old"}, {"ida", "old"}, {"gus", "old"}, {"joe", "zoe's"}})
        CHECK(session(chains, login, password, "fresh") == "500 Old password is incorrect.");
    CHECK(directory.binds("joe", "old"));
}

TEST_CASE("each refusal of the policy reaches the user with its reason") {
    if (no_slapd()) return;
    const Directory directory;
    const auto chains = service(directory.options());
    const auto reply = [&](const std::string& login, const std::string& old,
                           const std::string& fresh) { return session(chains, login, old, fresh); };
    SUBCASE("too short") {
        CHECK(reply("ann", "old", "1234567") ==
              "500 Sorry, your new password is too short (Password "
              "fails quality checking policy)");
        CHECK(reply("ann", "old", "12345678") == "200 Password changed, thank-you.");
    }
    SUBCASE("quality") {
        // A hash: slapd cannot judge the password in it.
        CHECK(has(reply("ann", "old", "{SSHA}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                  "500 Sorry, your new password is too weak"));
    }
    SUBCASE("in the history") {
        CHECK(reply("bob", "old", "second one") == "200 Password changed, thank-you.");
        CHECK(reply("bob", "second one", "third one") == "200 Password changed, thank-you.");
        CHECK(reply("bob", "third one", "second one") ==
              "500 Sorry, your new password has been used before (Password is in history of old "
              "passwords)");
        CHECK(directory.binds("bob", "third one"));
    }
    SUBCASE("too young") {
        CHECK(reply("cat", "old", "second one") == "200 Password changed, thank-you.");
        CHECK(reply("cat", "second one", "third one") ==
              "500 Sorry, you must wait longer to change your password (Password is too young to "
              "change)");
    }
    SUBCASE("not allowed to") {
        CHECK(
            has(reply("dan", "old", "second one"), "500 Sorry, you may not change your password"));
        CHECK(directory.binds("dan", "old"));
    }
}

TEST_CASE("a refused new password keeps the check") {
    if (no_slapd()) return;
    const Directory directory;
    Conversation client{service(directory.options())};
    CHECK(client.ask("user ann") == "200 Your password please.");
    CHECK(client.ask("pass old") == "200 Your new password please.");
    CHECK(has(client.ask("newpass 1234"), "too short"));
    CHECK(client.ask("newpass long enough") == "200 Password changed, thank-you.");
    CHECK(directory.binds("ann", "long enough"));
}

TEST_CASE(
    "the directory locks an account after too many tries, and the right password is refused") {
    if (no_slapd()) return;
    const Directory directory;
    for (int tries = 0; tries < 3; ++tries)
        CHECK(check(directory.options() + next_link(), "eve", "bad").status == 42);
    const auto locked = check(directory.options() + next_link(), "eve", "old");
    CHECK(locked.status == 1); // the next link is not run, because it must not undo this
    CHECK(locked.out == "");
    CHECK(locked.err == "checkpw-ldap: refused: the account is locked\n");
    CHECK(check(directory.options() + next_link(), "eve", "bad").status == 1);
    const auto set = change(directory.options() + next_link(), "eve", "old", "fresh one");
    CHECK(set.status == 1);
    CHECK(set.out == wrong_words); // it does not reveal whether the password was right
    CHECK(check(directory.options(), "joe", "old").status == 0);
}

TEST_CASE("a user who must change the password is accepted only with --allow-expired") {
    if (no_slapd()) return;
    const Directory directory;
    // The manager has reset fay's password; hal's is expired, with grace logins.
    for (const std::string login : {"fay", "hal"}) {
        CHECK(check(directory.options() + next_link(), login, "old").status == 1);
        CHECK(check(directory.options() + Words{"--allow-expired"} + next_link(), login, "old")
                  .status == 0);
        CHECK(check(directory.options() + Words{"--allow-expired"} + next_link(), login, "bad")
                  .status == 42);
        CHECK(session(service(directory.options()), login, "old", "fresh one") ==
              "200 Password changed, thank-you.");
        CHECK(check(directory.options(), login, "fresh one").status == 0);
    }
    // Expired, without grace logins.
    CHECK(
        check(directory.options() + Words{"--allow-expired"} + next_link(), "gus", "old").status ==
        1);
    CHECK(check(directory.options() + next_link(), "gus", "bad").status == 42);
}

TEST_CASE("a fallback chain: the next link gets the record of a user whom the directory lacks") {
    if (no_slapd()) return;
    const Directory directory;
    for (const auto& [login, password] : std::vector<std::pair<std::string, std::string>>{
             {"joe", "bad"}, {"nemo", "old"}, {"joe", ""}, {"", "old"}, {"j\xff", "old"}}) {
        CAPTURE(login);
        const auto asked = check(directory.options() + next_link(), login, password);
        CHECK(asked.status == 42);
        const auto seen = parse_next_link(asked.out);
        REQUIRE(seen.ran);
        CHECK(seen.record == check_record(login, password));
        CHECK(seen.descriptors == std::vector<int>{0, 1, 2, 3});
        CHECK(seen.ignored.empty());
        CHECK(seen.blocked.empty());
        CHECK_FALSE(seen.environment.contains("LDAPNOINIT"));
        CHECK(check(directory.options(), login, password).status == 1);
    }
    CHECK(check(directory.options() + next_link(), "joe", "old").out == "");

    const auto asked = change(directory.options() + next_link(), "joe", "bad", "fresh");
    CHECK(asked.status == 42);
    CHECK(parse_next_link(asked.out).record == set_record("joe", "bad", "fresh"));
    CHECK(parse_next_link(asked.out).ignored.empty());
    const auto alone = change(directory.options(), "joe", "bad", "fresh");
    CHECK(alone.status == 1);
    CHECK(alone.out == wrong_words);
    CHECK(change(directory.options() + next_link(), "joe", "old", "fresh").out == "");
    CHECK(directory.binds("joe", "fresh"));
}

TEST_CASE("what is set for the next link in the environment reaches it") {
    if (no_slapd()) return;
    const Directory directory;
    const auto asked =
        run({.argv = Words{built("checkpw-ldap")} + directory.options() + next_link(),
             .environment = {{"LDAPNOINIT", "0"}, {"SASL_PATH", "/some/where"}},
             .record = check_record("joe", "bad")});
    const auto seen = parse_next_link(asked.out).environment;
    REQUIRE(seen.contains("LDAPNOINIT"));
    CHECK(seen.at("LDAPNOINIT") == "0");
    CHECK(seen.at("SASL_PATH") == "/some/where");
}

TEST_CASE("a native chain: the program runs for a user whose password is right, and for no other") {
    if (no_slapd()) return;
    auto plan = policies();
    plan.entries += user_entry("person", "old") + user_entry("daemon", "old");
    const Directory directory{plan};
    const TemporaryDirectory for_all;
    const std::string next_link = reachable("next-link", for_all);
    const bool is_root = ::geteuid() == 0;
    // joe has no account of the system.
    const Words as_nobody = is_root ? Words{"--virtual", "nobody"} : Words{};
    const auto native = [&](const std::string& login, const std::string& password,
                            const Words& more = {}) {
        return run({.argv = Words{built("checkpw-ldap")} + directory.options() + Words{"--native"} +
                            more + Words{next_link, "7", "word"},
                    .environment = {{"HOME", "/before"}, {"SHELL", "/before"}},
                    .record = check_record(login, password)});
    };
    const auto virtual_user = native("joe", "old", as_nobody);
    CHECK(virtual_user.status == 7);
    const auto seen = parse_next_link(virtual_user.out);
    CHECK(seen.argv == Words{next_link, "7", "word"});
    if (is_root) CHECK(seen.uids == std::vector<uid_t>(3, nobody.uid));
    CHECK_FALSE(seen.record);
    CHECK(seen.descriptors == std::vector<int>{0, 1, 2});
    CHECK(seen.environment.at("USER") == "joe");
    CHECK_FALSE(seen.environment.contains("HOME"));
    CHECK_FALSE(seen.environment.contains("SHELL"));

    for (const auto& [login, password] : std::vector<std::pair<std::string, std::string>>{
             {"joe", "bad"}, {"nemo", "old"}, {"joe", ""}, {"fay", "old"}, {"daemon", "old"}}) {
        CAPTURE(login);
        const auto refused = native(login, password);
        CHECK(refused.status == 1);
        CHECK(refused.out == "");
    }
    CHECK(native("fay", "old", as_nobody + Words{"--allow-expired"}).status == 7);
    CHECK(has(native("daemon", "old").err,
              "an account of the system, with a uid that is no person's"));
    CHECK(run({.argv = Words{built("checkpw-ldap")} + directory.options() + Words{"--native"},
               .record = check_record("joe", "old")})
              .status == 2);
    directory.server.freeze();
    const auto silent = native("joe", "old", {"-t", "1"});
    CHECK(silent.status == 111);
    CHECK(silent.out == "");
    directory.server.thaw();

    if (missing(is_root, "root")) return;
    const auto as_root = native("joe", "old");
    CHECK(as_root.status == 111);
    CHECK(as_root.out == "");
    CHECK(has(as_root.err, "root runs no program for a user"));
    // It becomes the account of /etc/passwd and enters its home, or it runs nothing.
    if (missing(can_mount(), "mounts")) return;
    const Accounts accounts{{{"person", 20'001}}};
    const auto account = run({.argv = Words{built("checkpw-ldap")} + directory.options() +
                                      Words{"--native", "/bin/true"},
                              .record = check_record("person", "old"),
                              .before_exec = accounts.before_exec()});
    CHECK(account.status == 111);
    CHECK(has(account.err, "enter /nonexistent"));
}

TEST_CASE("a native chain runs no program for the accounts that Debian gives to services") {
    if (no_slapd() || missing(::geteuid() == 0, "root") || missing(can_mount(), "mounts")) return;
    const std::vector<int> services{999, 60'000, 61'184, 64'015, 64'999, 65'534, 65'535};
    const std::vector<int> persons{1000, 59'999, 65'000, 65'533, 65'536, 100'000};
    std::vector<std::pair<std::string, int>> all;
    LdapServerPlan plan;
    for (const auto& list : {services, persons})
        for (const int uid : list) {
            all.emplace_back("u" + std::to_string(uid), uid);
            plan.entries += user_entry(all.back().first, "old");
        }
    const Directory directory{plan};
    const Accounts accounts{all};
    const auto native = [&](int uid) {
        return run({.argv = Words{built("checkpw-ldap")} + directory.options() +
                            Words{"--native", "/bin/true"},
                    .record = check_record("u" + std::to_string(uid), "old"),
                    .before_exec = accounts.before_exec()});
    };
    for (const int uid : services) {
        CAPTURE(uid);
        const auto refused = native(uid);
        CAPTURE(refused.err);
        CHECK(refused.status == 1);
        CHECK(has(refused.err, "an account of the system"));
    }
    for (const int uid : persons) {
        CAPTURE(uid);
        CHECK(has(native(uid).err, "enter /nonexistent"));
    }
}

TEST_CASE("a native chain takes no name that could lead to another directory") {
    if (no_slapd() || missing(::geteuid() == 0, "root")) return;
    const std::vector<std::string> names{"../joe", "a/joe", ".joe", "joe/",
                                         "jo\xc2\x9b"
                                         "e"};
    LdapServerPlan plan{.entries = user_entry("fine.joe", "old")};
    for (std::size_t i = 0; i < names.size(); ++i)
        plan.entries += "dn: uid=" + names[i] + "," + people +
                        "\nobjectClass: inetOrgPerson\nuid: " + names[i] +
                        "\ncn: j\nsn: j\nuserPassword: old\n\n";
    const Directory directory{plan};
    for (const Words& options : {directory.options(), directory.search()}) {
        const auto native = [&](const std::string& login) {
            return run(
                {.argv = Words{built("checkpw-ldap")} + options +
                         Words{"--utf8", "--native", "--virtual", "daemon", "/bin/echo", "it ran"},
                 .record = check_record(login, "old")});
        };
        CHECK(native("fine.joe").out == "it ran\n");
        for (const auto& name : names) {
            CAPTURE(name);
            const auto refused = native(name);
            CHECK(refused.status == 1);
            CHECK(refused.out == "");
            CHECK(check(options + Words{"--utf8"}, name, "old").status == 0);
        }
    }
}

TEST_CASE("one user has one name: what the directory takes for it is refused") {
    if (no_slapd()) return;
    auto plan = policies();
    plan.entries += user_entry("two words", "old") + "dn: uid=j\xc3\xb6rg," + people +
                    "\nobjectClass: inetOrgPerson\nuid: j\xc3\xb6rg\ncn: j\nsn: j\n"
                    "userPassword: old\n\n";
    const Directory directory{plan};
    const auto template_utf8 = directory.options() + Words{"--utf8"};
    const auto search_utf8 = directory.search() + Words{"--utf8"};
    // Blanks, a no-break space, a soft hyphen, and letters that are fullwidth, circled and
    // mathematical.
    for (const std::string login : {" joe", "joe ", "two  words", "joe\xc2\xa0",
                                    "jo\xc2\xad"
                                    "e",
                                    "\xef\xbd\x8aoe", "\xe2\x93\x99oe", "\xf0\x9d\x90\xa3oe"}) {
        CAPTURE(login);
        for (const Words& options :
             {directory.options(), directory.search(), template_utf8, search_utf8}) {
            CHECK(check(options, login, "old").status == 1);
            const auto set = change(options, login, "old", "fresh one");
            CHECK(set.status == 1);
            CHECK(set.out == wrong_words);
        }
    }
    CHECK(directory.binds("joe", "old"));
    CHECK(directory.binds("two words", "old"));
    for (const std::string login : {"joe", "JOE", "two words", "Two Words"})
        for (const Words& options :
             {directory.options(), directory.search(), template_utf8, search_utf8})
            CHECK(check(options, login, "old").status == 0);
    for (const Words& options : {template_utf8, search_utf8}) {
        CHECK(check(options, "j\xc3\xb6rg", "old").status == 0);
        CHECK(check(options, "J\xc3\xb6RG", "old").status == 0);
        CHECK(check(options, "J\xc3\x96RG", "old").status == 1);  // its own case
        CHECK(check(options, "jo\xcc\x88rg", "old").status == 1); // decomposed
    }
    CHECK(check(directory.options(), "j\xc3\xb6rg", "old").status == 1);
    CHECK(check(directory.search(), "j\xc3\xb6rg", "old").status == 1);
}

TEST_CASE("an attribute that the filter compares must show the login") {
    if (no_slapd()) return;
    auto plan = policies();
    plan.access = "access to attrs=userPassword by self =xw by anonymous auth by * none\n"
                  "access to attrs=mail by * =scd\n" // it can be searched, and not read
                  "access to * by * read\n";
    const Directory directory{plan};
    CHECK(check(directory.search(), "joe", "old").status == 0);
    const auto hidden =
        check(directory.search("(mail=%s)") + next_link(), "joe@example.org", "old");
    CHECK(hidden.status == 1);
    CHECK(hidden.err == "checkpw-ldap: uid=joe,ou=people,dc=example,dc=org: no value of mail that "
                        "may be read is the login\n");
    // One of them is enough.
    CHECK(check(directory.search("(|(mail=%s)(uid=%u))"), "joe", "old").status == 0);
    CHECK(check(directory.search("(&(objectClass=person)(uid:caseIgnoreMatch:=%u))"), "joe", "old")
              .status == 0);
}

TEST_CASE("a native chain calls the user as the directory does") {
    if (no_slapd() || missing(::geteuid() == 0, "root") || missing(can_mount(), "mounts")) return;
    auto plan = policies();
    const Accounts accounts{{{"person", 20'001}}};
    plan.entries += user_entry("person", "old") + user_entry("root", "old") +
                    user_entry("several", "old", "uid: severals\n") +
                    user_entry("plain", "old", "displayName: J\xc3\xb6rg\n");
    const Directory directory{plan};
    const TemporaryDirectory for_all;
    const std::string next_link = reachable("next-link", for_all);
    const auto native = [&](const Words& options, const std::string& login,
                            const Words& more = {"--virtual", "daemon"}) {
        return run({.argv = Words{built("checkpw-ldap")} + options + Words{"--native"} + more +
                            Words{next_link, "0"},
                    .record = check_record(login, "old"),
                    .before_exec = accounts.before_exec()});
    };
    const auto user = [&](const Words& options, const std::string& login) {
        const auto seen = parse_next_link(native(options, login).out);
        return seen.ran ? seen.environment.at("USER") : "";
    };
    CHECK(user(directory.options(), "JOE") == "joe");
    CHECK(user(directory.search(), "JOE") == "joe");
    CHECK(user(directory.search("(mail=%s)"), "Joe@Example.ORG") == "joe");
    CHECK(user(directory.search("(mail=%s)") + Words{"--name", "mail"}, "Joe@Example.ORG") ==
          "joe@example.org");
    const Words split{"-H", directory.server.uri(), "-b", suffix, "-q", "(mail=%u@%d)"};
    CHECK(user(split + Words{"--name", "mail"}, "Joe@Example.ORG") == "joe@example.org");
    CHECK(has(native(split, "joe@example.org").err, "say with --name which attribute"));
    // The template has the domain outside of the first RDN.
    CHECK(user({"-H", directory.server.uri(), "-D", "uid=%u,ou=%d," + suffix}, "Joe@People") ==
          "joe@people");

    // Without --virtual the name decides which account of the system it is.
    const auto account = native(directory.options(), "PERSON", {});
    CHECK(has(account.err, "enter /nonexistent"));
    for (const Words& options : {directory.options(), directory.search()}) {
        const auto root = native(options, "ROOT", {});
        CHECK(root.status == 1);
        CHECK(root.out == "");
        CHECK(has(root.err, "an account of the system, with a uid that is no person's"));
    }

    const auto several = native(directory.search(), "several");
    CHECK(several.status == 1);
    CHECK(several.out == "");
    CHECK(has(several.err, "uid must have one value"));
    CHECK(has(native(directory.search() + Words{"--name", "sn;x-none"}, "joe").err,
              "must have one value"));
    CHECK(has(native(directory.search() + Words{"--name", "displayName"}, "plain").err,
              "must have one value, which can be the user's name (--name, --utf8)"));
    CHECK(user(directory.search() + Words{"--name", "displayName", "--utf8"}, "plain") ==
          "J\xc3\xb6rg");
}

TEST_CASE("a native chain takes a name only if no other entry below the base has it") {
    if (no_slapd() || missing(::geteuid() == 0, "root")) return;
    auto plan = policies();
    plan.entries += "dn: cn=mallory," + people +
                    "\nobjectClass: inetOrgPerson\ncn: mallory\nuid: joe\nsn: x\n"
                    "mail: mallory@example.org\nuserPassword: old\n\n";
    const Directory directory{plan};
    const TemporaryDirectory for_all;
    const Words program{reachable("next-link", for_all), "0"};
    const auto native = [&](const std::string& login, const Words& more = {}) {
        return run({.argv = Words{built("checkpw-ldap")} + directory.search("(mail=%s)") +
                            Words{"--native", "--virtual", "daemon"} + more + program,
                    .record = check_record(login, "old")});
    };
    for (const std::string login : {"mallory@example.org", "joe@example.org"}) {
        const auto refused = native(login);
        CHECK(refused.status == 1);
        CHECK(refused.out == "");
        CHECK(has(refused.err, "a search for uid=joe finds more than one entry"));
    }
    CHECK(native("joe@example.org", {"--name", "mail"}).status == 0);
    CHECK(native("zoe@example.org").status == 1); // another password
    CHECK(native("mallory@example.org", {"--name", "cn"}).status == 0);
}

TEST_CASE("a native chain takes a name only if it can be searched for") {
    if (no_slapd() || missing(::geteuid() == 0, "root")) return;
    auto plan = policies();
    plan.access = "access to attrs=userPassword by self =xw by anonymous auth by * none\n"
                  "access to attrs=uid by * =rcd\n" // it can be read, and not searched
                  "access to * by * read\n";
    const Directory directory{plan};
    const auto refused = run({.argv = Words{built("checkpw-ldap")} + directory.search("(mail=%s)") +
                                      Words{"--native", "--virtual", "daemon", "/bin/true"},
                              .record = check_record("joe@example.org", "old")});
    CHECK(refused.status == 1);
    CHECK(has(refused.err, "uid=joe,ou=people,dc=example,dc=org: a search for uid=joe does not "
                           "find this entry"));
}

TEST_CASE("a server that does not say who is bound") {
    if (no_slapd() || missing(::geteuid() == 0, "root") || missing(can_mount(), "mounts")) return;
    const Accounts accounts{{{"person", 20'001}}};
    auto plan = policies();
    plan.entries += user_entry("person", "old");
    plan.global = "disallow bind_anon\nrestrict extended=1.3.6.1.4.1.4203.1.11.3\n";
    const Directory directory{plan};
    const auto native = [&](const std::string& login, const Words& more = {}) {
        return run({.argv = Words{built("checkpw-ldap")} + directory.options() + Words{"--native"} +
                            more + Words{"/bin/true"},
                    .record = check_record(login, "old"),
                    .before_exec = accounts.before_exec()});
    };
    // The login must be the very name of an account.
    const auto entered = native("person");
    CHECK_MESSAGE(has(entered.err, "enter /nonexistent"), entered.err);
    for (const std::string login : {"PERSON", "joe"}) {
        const auto refused = native(login);
        CHECK(refused.status == 1);
        CHECK(has(refused.err, "the server does not tell the user's name"));
    }
    CHECK(native("joe", {"--virtual", "nobody"}).status == 1);
    CHECK(check(directory.options() + Words{"--utf8"}, "joe", "old").status == 1);
    CHECK(check(directory.options(), "joe", "old").status == 0);
}

TEST_CASE("a native chain refuses a user whom the server calls by another name than the login") {
    if (no_slapd()) return;
    // As a proxy may do: joe's name leads to zoe's entry. The folder may have another name.
    auto plan = policies();
    plan.global = "moduleload rwm\n";
    plan.overlays = "overlay rwm\nrwm-rewriteEngine on\nrwm-rewriteContext bindDN\n"
                    "rwm-rewriteRule \"^uid=joe,ou=people,(.*)$\" \"uid=zoe,ou=people,$1\" \":@\"\n"
                    "rwm-rewriteRule \"^(.*),ou=front,(.*)$\" \"$1,ou=people,$2\" \":@\"\n";
    const Directory directory{plan};
    const auto native = [&](const std::string& folder, const std::string& login,
                            const std::string& password) {
        return run({.argv = Words{built("checkpw-ldap"), "-H", directory.server.uri(), "-D",
                                  "uid=%u,ou=" + folder + "," + suffix, "--native", "--virtual",
                                  "daemon", "/bin/sh", "-c", "echo $USER"},
                    .record = check_record(login, password)});
    };
    CHECK(check(directory.options(), "joe", "zoe's").status == 0);
    CHECK(native("people", "ZOE", "zoe's").out == "zoe\n");
    CHECK(native("front", "zoe", "zoe's").out == "zoe\n");
    const auto refused = native("people", "joe", "zoe's");
    CHECK(refused.status == 1);
    CHECK(refused.out == "");
    CHECK(has(refused.err,
              "uid=joe,ou=people,dc=example,dc=org: the server gives the user another DN"));
}

TEST_CASE("Dovecot: a check, and a look-up without a password") {
    if (no_slapd()) return;
    const Directory directory;
    const poppass::Fd reply{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    const auto dovecot = [&](const Words& options, const std::string& login,
                             const std::string& password, Environment more = {}) {
        more["DOVECOT_VERSION"] = "2.3.19";
        return run({.argv = Words{built("checkpw-ldap")} + options + Words{built("next-link"), "0"},
                    .environment = more,
                    .record = check_record(login, password),
                    .descriptors = {{4, reply.get()}}});
    };
    const Environment look_up{{"AUTHORIZED", "1"}};
    const auto checked = parse_next_link(dovecot(directory.options(), "joe", "old").out);
    REQUIRE(checked.ran);
    CHECK(checked.environment.at("USER") == "joe");
    CHECK(checked.descriptors == std::vector<int>{0, 1, 2, 4});
    CHECK(dovecot(directory.options(), "joe", "bad").status == 1);
    CHECK(dovecot(directory.options(), "joe", "").status == 1);
    for (const Words& options : {directory.options(), directory.search()}) {
        const auto found = parse_next_link(dovecot(options, "joe", "", look_up).out);
        REQUIRE(found.ran);
        CHECK(found.environment.at("AUTHORIZED") == "2");
        CHECK(dovecot(options, "nemo", "", look_up).status == 3);
        CHECK(dovecot(options, "*", "", look_up).status == 3);
        CHECK(dovecot(options, "joe", "bad", look_up).status == 1);
        CHECK(dovecot(options, "joe", "", {{"AUTHORIZED", "1"}, {"CREDENTIALS_LOOKUP", "1"}})
                  .status == 1);
    }
    CHECK(dovecot({"-H", closed_uri(), "-D", dn_template}, "joe", "", look_up).status == 111);
}

TEST_CASE("a login matches only the user with that name") {
    if (no_slapd()) return;
    const Directory directory;
    // All have the password of joe. The entry `*` belongs to nobody.
    for (const std::string login : {"*",
                                    "j*",
                                    "joe*",
                                    "*)(uid=*",
                                    ")(uid=*",
                                    "joe)(|(uid=*)",
                                    "joe)(objectClass=*",
                                    "\\2a",
                                    "\\6a\\6f\\65",
                                    "joe,dc=evil",
                                    ",dc=evil",
                                    "joe,ou=people",
                                    "joe+cn=joe",
                                    "joe\\",
                                    "\"joe\"",
                                    "#036a6f65",
                                    "=joe",
                                    "joe;",
                                    "<joe>",
                                    "joe\\00",
                                    "%u",
                                    "%s",
                                    "joe\x01",
                                    "\x7fjoe",
                                    "joe\xff",
                                    "\x80\x81\xfe",
                                    "\xc0\xaajoe",
                                    "joe@example.org",
                                    "@",
                                    "joe@",
                                    "cn=joe",
                                    "uid=joe,ou=people,dc=example,dc=org"}) {
        CAPTURE(login);
        CHECK(check(directory.options(), login, "old").status == 1);
        CHECK(check(directory.search(), login, "old").status == 1);
        CHECK(check(directory.search("(|(uid=%u)(mail=%s))") + Words{"-t", "5"}, login + "x", "old")
                  .status == 1);
        CHECK(change(directory.search(), login, "old", "fresh").out == wrong_words);
        CHECK(change(directory.options(), login, "old", "fresh").out == wrong_words);
    }
    CHECK(directory.binds("joe", "old"));
}

TEST_CASE("--check asks the server, whatever the template makes of a login") {
    for (const std::string filter : {"(mail=%u@%d)", "(mail=%s)", "(uid=%u)"}) {
        CAPTURE(filter);
        const auto looked = run({.argv = {built("checkpw-ldap"), "--check", "-H", closed_uri(),
                                          "-b", suffix, "-q", filter, "/bin/false"}});
        CHECK(has(looked.out, "Connection refused"));
        CHECK(has(looked.out, "any account can listen on this port"));
        const auto usual = run({.argv = {built("checkpw-ldap"), "--check", "-H", "ldap://[::1]",
                                         "-b", suffix, "-q", filter, "/bin/false"}});
        CHECK_FALSE(has(usual.out, "any account can listen on this port"));
    }
}

TEST_CASE("--check says what to do where a directory cannot be used") {
    const auto look = [](const Words& options, std::string_view says) {
        const auto outcome = run({.argv = Words{built("checkpw-ldap"), "--check"} + options});
        CAPTURE(outcome.out);
        CHECK(outcome.status == 2);
        CHECK(has(outcome.out, says));
    };
    look({"-H", closed_uri(), "-b", suffix},
         "connect: Connection refused: see that the server runs there, or correct -H\"");
    look({"-H", "ldapi:///no/such/socket", "-D", "uid=%u," + suffix},
         "No such file or directory: see that the server runs there, or correct -H\"");
    if (no_slapd()) return;
    const Directory directory;
    const std::string uri = directory.server.uri();
    const auto search = ": correct -b, -q or -w, or let that account search\"";
    look({"-H", uri, "-b", "ou=nowhere," + suffix}, "No such object" + std::string{search});
    look({"-H", uri, "-b", suffix, "-q", "(uid=%u"}, "not a filter: (uid=poppass-check");
    const TemporaryDirectory files;
    write_file(files.file("password"), "wrong\n", 0600);
    look({"-H", uri, "-b", suffix, "-w", manager, "-y", files.file("password")},
         "the service account " + manager + " is refused" + search);
    look({"-H", uri, "-b", suffix, "-w", manager, "-y", files.file("none")},
         files.file("none") +
             ": No such file or directory: make it readable, or correct the name\"");
    write_file(files.file("password"), "\n", 0600);
    look({"-H", uri, "-b", suffix, "-w", manager, "-y", files.file("password")},
         files.file("password") + " holds no password: write it there\"");
    look({"-H", uri, "-b", suffix, "-w", manager, "-y", files.path()},
         files.path() + " is no regular file: name one\"");
    if (missing(::geteuid() == 0, "root")) return;
    write_file(files.file("password"), "manager\n", 0600);
    REQUIRE(::chown(files.file("password").c_str(), 64'001, 0) == 0);
    look({"-H", uri, "-b", suffix, "-w", manager, "-y", files.file("password")},
         "belongs neither to root nor to us: chown root\"");
}

TEST_CASE("the domain counts") {
    if (no_slapd()) return;
    const Directory directory;
    const Words both{"-H", directory.server.uri(), "-b", suffix, "-q", "(mail=%u@%d)"};
    CHECK(check(both, "joe@example.org", "old").status == 0);
    CHECK(check(both, "joe@example.com", "old").status == 1);
    CHECK(check(both, "joe", "old").status == 1);
    CHECK(check(both, "@example.org", "old").status == 1);
    const Words in_dn{"-H", directory.server.uri(), "-D", "uid=%u,ou=people,dc=%d,dc=org"};
    CHECK(check(in_dn, "joe@example", "old").status == 0);
    CHECK(check(in_dn, "joe@evil", "old").status == 1);
    CHECK(check(in_dn, "joe@example,dc=org", "old").status == 1);
}

TEST_CASE("a search that finds more than one is a refusal, and the next link is not asked") {
    if (no_slapd()) return;
    const Directory directory;
    const auto asked = check(directory.search("(|(uid=%u)(uid=zoe))") + next_link(), "joe", "old");
    CHECK(asked.status == 1);
    CHECK(has(asked.err, "the search finds more than one entry"));
    CHECK(check(directory.search("(|(uid=%u)(uid=zoe))") + next_link(), "zoe", "zoe's").status ==
          0);
    const auto set =
        change(directory.search("(|(uid=%u)(uid=zoe))") + next_link(), "joe", "old", "x");
    CHECK(set.status == 1);
    CHECK(set.out == wrong_words);
}

TEST_CASE("a service account searches where nobody else may") {
    if (no_slapd()) return;
    const Directory directory{{.global = {},
                               .database = {},
                               .entries = user_entry("joe", "old"),
                               .tls = false,
                               .access =
                                   "access to attrs=userPassword by self =xw by anonymous auth\n"
                                   "access to * by * none\n"}};
    const TemporaryDirectory files;
    const auto file = [&](const std::string& name, const std::string& text, mode_t mode) {
        write_file(files.file(name), text, mode);
        ::chmod(files.file(name).c_str(), mode);
        return directory.search() + Words{"-w", manager, "-y", files.file(name)};
    };
    const Words options = file("good", "manager\n", 0600);
    CHECK(check(options, "joe", "old").status == 0);
    CHECK(check(options, "joe", "bad").status == 1);
    CHECK(check(options, "nemo", "old").status == 1);
    CHECK(check(file("group", "manager", 0640), "joe", "old").status == 0);
    CHECK(session(service(options), "joe", "old", "fresh one") ==
          "200 Password changed, thank-you.");

    // Without the account the search finds no base: that is the fault of the set-up, not of the
    // user.
    const auto anonymous = check(directory.search(), "joe", "fresh one");
    CHECK(anonymous.status == 111);
    CHECK(has(anonymous.err, "search " + suffix + ": No such object"));
    const auto refused = check(file("wrong", "bad\n", 0600), "joe", "fresh one");
    CHECK(refused.status == 111);
    CHECK(has(refused.err, "the service account " + manager + " is refused"));

    for (const auto& [name, mode] : std::vector<std::pair<std::string, mode_t>>{
             {"read", 0644}, {"written", 0602}, {"group-written", 0660}}) {
        const auto open = check(file(name, "manager\n", mode), "joe", "fresh one");
        CHECK(open.status == 2);
        CHECK(has(open.err, "-y: " + files.file(name) + " may be read or written by others"));
    }
    CHECK(check(file("empty", "\n", 0600), "joe", "fresh one").status == 2);
    CHECK(check(file("long", std::string(2000, 'a'), 0600), "joe", "fresh one").status == 2);
    CHECK(check(directory.search() + Words{"-w", manager, "-y", files.path()}, "joe", "x").status ==
          2);
    CHECK(check(directory.search() + Words{"-w", manager, "-y", files.file("none")}, "joe", "x")
              .status == 2);
    if (missing(::geteuid() == 0, "root")) return;
    REQUIRE(::chown(files.file("good").c_str(), 12345, 0) == 0);
    CHECK(check(options, "joe", "fresh one").status == 2);
}

TEST_CASE("servers are tried in turn, each for its time, and unreachable is trouble") {
    if (no_slapd() || missing(have_openssl(), "openssl")) return;
    const Directory directory;
    Certificates certificates;
    const auto ca = certificates.authority("ca");
    const Listener mute; // accepts connections, and never sends a byte
    const auto timed = [](const Words& options, int expected, int least_ms) {
        const auto begin = Clock::now();
        const auto asked = check(options + next_link(), "joe", "old");
        const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin).count();
        CHECK(asked.status == expected);
        CHECK(took >= least_ms);
        return asked.err;
    };
    const std::string good = directory.server.uri();
    const std::string closed = closed_uri();
    const Words rest{"-D", dn_template, "-t", "1"};
    auto err = timed(Words{"-H", closed + " " + good} + rest, 0, 0);
    CHECK(err == "checkpw-ldap: " + closed + ": connect: Connection refused\n");
    err = timed(Words{"-H", mute.uri(), "-H", good} + rest, 0, 1000);
    CHECK(err == "checkpw-ldap: " + mute.uri() + ": bind: no answer: Connection timed out\n");
    err = timed(Words{"-H", mute.uri() + " " + closed} + rest, 111, 1000);
    CHECK(has(err, "checkpw-ldap: no server of the directory could be asked\n"));
    timed(Words{"-H", "ldapi://%2Fnot%2Fthere " + good} + rest, 0, 0);
    timed(Words{"-H", "ldaps://127.0.0.1:" + std::to_string(mute.port()) + " " + good, "--ca", ca} +
              rest,
          0, 1000);
    timed(Words{"-H", "ldaps://does-not-exist.invalid " + good, "--ca", ca} + rest, 0, 0);

    const auto set = change(Words{"-H", mute.uri() + " " + closed} + rest, "joe", "old", "fresh");
    CHECK(set.status == 111);
    CHECK(set.out == nothing_words);
    CHECK(change(Words{"-H", mute.uri() + " " + good} + rest, "joe", "old", "fresh").status == 0);
    CHECK(directory.binds("joe", "fresh"));

    CHECK(session(service(Words{"-H", closed} + rest), "joe", "old", "x") ==
          "500 Temporary failure: try again later.");
}

TEST_CASE("a server that sends nonsense, or half of an answer, cannot be asked") {
    for (const std::string& answer :
         {bytes("\x30\x0c\x02\x01"),                         // nothing more follows
          bytes("\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x61"), // two gigabytes should follow
          bytes("\x30\x0c\x02\x01\x07\x61\x07\x0a\x01\x00\x04\x00\x04\x00"), // for another request
          bytes("\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"), // for a search
          bytes("\x30\x05\x02\x01\x01\x61\x00"), // without a result code
          std::string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, std::string(300, '\xff')}) {
        const Listener server;
        // The listener waits until the client ends. A client without a time limit is killed after
        // 20 seconds.
        std::thread talk{[&] { server.talk_once(answer, milliseconds{30'000}); }};
        const auto asked = check({"-H", server.uri(), "-D", dn_template, "-t", "1"}, "joe", "old");
        talk.join();
        CAPTURE(answer);
        CHECK(asked.status == 111);
        CHECK(has(asked.err, "checkpw-ldap: " + server.uri() + ": "));
    }
}

TEST_CASE("a server that sends more than a megabyte cannot be asked") {
    // The first request gets entries of 60 kB, and no result.
    const auto part = [](char tag, const std::string& content) {
        return std::string{tag, '\x82', static_cast<char>(content.size() >> 8u),
                           static_cast<char>(content.size())} +
               content;
    };
    const std::string values = part(0x31, part(0x04, std::string(60'000, 'x')));
    const std::string attributes = part(0x30, part(0x30, part(0x04, "uid") + values));
    const std::string entry =
        part(0x30, bytes("\x02\x01\x01") + part(0x64, part(0x04, "uid=joe") + attributes));
    const Listener server;
    std::string answer;
    for (int count = 0; count < 200; ++count) answer += entry;
    std::thread talk{[&] { server.talk_once(answer, milliseconds{30'000}); }};
    const auto asked = check({"-H", server.uri(), "-b", suffix, "-t", "2"}, "joe", "old");
    talk.join();
    CHECK(asked.status == 111);
    CHECK(has(asked.err, server.uri() + ": search: the server sends more than a megabyte\n"));
}

TEST_CASE("a change whose answer is lost is settled by trying the new password, then the old one") {
    if (no_slapd()) return;
    const Directory directory;
    using Deed = Proxy::Deed;
    const auto through = [&](Deed deed, bool then_gone) {
        const Proxy proxy{directory.server, deed, then_gone};
        return change({"-H", proxy.uri(), "-D", dn_template, "-t", "1"}, "joe", "old", "fresh");
    };
    const std::string not_known =
        "454 Sorry, the result is not known: try the new password, then the "
        "old one (#4.3.0)\n";
    SUBCASE("done, and the connection broke") {
        CHECK(through(Deed::drop_answer, false).status == 0);
        CHECK(directory.binds("joe", "fresh"));
    }
    SUBCASE("done, and no answer came") {
        const auto said = through(Deed::hold_answer, false);
        CAPTURE(said.err);
        CHECK(said.status == 0);
        CHECK(directory.binds("joe", "fresh"));
    }
    SUBCASE("not done, and the connection broke") {
        const auto outcome = through(Deed::drop_request, false);
        CHECK(outcome.status == 111);
        CHECK(outcome.out == nothing_words);
        CHECK(has(outcome.err, "the answer to the change is lost: the connection broke"));
        CHECK(directory.binds("joe", "old"));
    }
    SUBCASE("an answer that tells nothing") {
        const auto outcome = through(Deed::answer_odd, false);
        CHECK(outcome.status == 111);
        CHECK(outcome.out == nothing_words);
    }
    SUBCASE("no answer: it may be done yet") {
        const auto outcome = through(Deed::hold_request, false);
        CHECK(outcome.status == 111);
        CHECK(outcome.out == not_known);
        CHECK(
            has(outcome.err, "the answer to the change is lost: no answer: Connection timed out"));
    }
    SUBCASE("the new password worked before the change") {
        const Directory other{{.entries = user_entry("two", "old", "userPassword: fresh\n") +
                                          user_entry("same", "old")}};
        const Proxy proxy{other.server, Deed::drop_request};
        const Words there{"-H", proxy.uri(), "-D", dn_template};
        CHECK(change(there, "two", "old", "fresh").out == not_known);
        const Proxy another{other.server, Deed::drop_answer};
        CHECK(change({"-H", another.uri(), "-D", dn_template}, "same", "old", "old").status == 0);
    }
    SUBCASE("nobody can be asked any more") {
        for (const Deed deed : {Deed::drop_answer, Deed::drop_request, Deed::hold_request}) {
            const auto outcome = through(deed, true);
            CHECK(outcome.status == 111);
            CHECK(outcome.out == not_known);
            if (deed == Deed::drop_answer) // back to the password that the next deeds begin with
                CHECK(change(directory.options(), "joe", "fresh", "old").status == 0);
        }
    }
    SUBCASE("another server knows the new password") {
        const Proxy proxy{directory.server, Deed::drop_answer, true};
        CHECK(change({"-H", proxy.uri() + " " + directory.server.uri(), "-D", dn_template}, "joe",
                     "old", "fresh")
                  .status == 0);
    }
    SUBCASE("another server knows the old one, which proves nothing") {
        const Proxy proxy{directory.server, Deed::drop_request, true};
        CHECK(change({"-H", proxy.uri() + " " + directory.server.uri(), "-D", dn_template}, "joe",
                     "old", "fresh")
                  .out == not_known);
    }
    SUBCASE("a server that is busy has done nothing, and the next one is asked") {
        const Proxy proxy{directory.server, Deed::answer_busy};
        const auto outcome =
            change({"-H", proxy.uri() + " " + directory.server.uri(), "-D", dn_template}, "joe",
                   "old", "fresh");
        CHECK(outcome.status == 0);
        CHECK(has(outcome.err, ": change: Server is busy"));
        CHECK(directory.binds("joe", "fresh"));
    }
    SUBCASE("through poppass") {
        const Proxy proxy{directory.server, Deed::drop_answer, true};
        CHECK(
            session(service({"-H", proxy.uri(), "-D", dn_template}), "zoe", "zoe's", "fresh") ==
            "500 Temporary failure: Sorry, the result is not known: try the new password, then the "
            "old one");
    }
}

TEST_CASE("a change that was begun is finished, whatever signal comes") {
    if (no_slapd()) return;
    const Directory directory;
    const Proxy proxy{directory.server, Proxy::Deed::hold_answer};
    Process setter{{.argv = {built("setpw-ldap"), "-H", proxy.uri(), "-D", dn_template, "-t", "2"},
                    .record = set_record("joe", "old", "fresh")}};
    CHECK(setter.run_until([&] { return directory.binds("joe", "fresh"); }));
    for (const int number : {SIGALRM, SIGTERM, SIGINT, SIGHUP}) setter.signal(number);
    const auto outcome = setter.wait();
    CHECK(outcome.status == 0);
    CHECK(has(outcome.err, "no answer"));
}

TEST_CASE("libldap's files and variables have no effect") {
    if (no_slapd()) return;
    const Directory directory;
    const TemporaryDirectory home;
    const std::string nowhere = closed_uri();
    for (const char* const name : {".ldaprc", "ldaprc", "rc"})
        write_file(home.file(name),
                   "URI " + nowhere + "\nBASE dc=nowhere\nDEREF always\nTIMEOUT 1\n");
    const auto asked = run({.argv = Words{built("checkpw-ldap")} + directory.search(),
                            .environment = {{"LDAPURI", nowhere},
                                            {"LDAPBASE", "dc=nowhere"},
                                            {"LDAPSIZELIMIT", "1"},
                                            {"LDAPCONF", home.file("rc")},
                                            {"LDAPRC", "rc"},
                                            {"HOME", home.path()}},
                            .record = check_record("joe", "old"),
                            .directory = home.path()});
    CHECK(asked.status == 0);
    CHECK(asked.err == "");
}

TEST_CASE("wrong use is reported before the record is read") {
    struct Case {
        Words options;
        std::string_view says;
    };
    const Words good{"-H", "ldap://127.0.0.1", "-D", "uid=%u,dc=org"};
    const Words search{"-H", "ldap://127.0.0.1", "-b", "dc=org"};
    for (const std::string program : {"checkpw-ldap", "setpw-ldap"}) {
        for (const auto& [options, says] : std::vector<Case>{
                 {{}, "-H must name"},
                 {{"-D", "uid=%u"}, "-H must name"},
                 {{"-H", ""}, "-H must name"},
                 {{"-H", "ldap://127.0.0.1"}, "either -D"},
                 {good + Words{"-b", "dc=org"}, "either -D"},
                 {good + Words{"-q", "(uid=%u)"}, "with -b"},
                 {good + Words{"-w", "cn=a", "-y", "/x"}, "with -b"},
                 {search + Words{"-w", "cn=a"}, "-w and -y go together: give both, or neither\n"},
                 {search + Words{"-y", "/x"}, "-w and -y go together: give both, or neither\n"},
                 {search + Words{"-q", "(uid=joe)"}, "-q must hold the login"},
                 {search + Words{"-q", ""}, "-q must not be empty"},
                 {search + Words{"-q", "(uid=%u*)"}, "-q must compare an attribute"},
                 {search + Words{"-q", "(uid~=%u)"}, "-q must compare an attribute"},
                 {search + Words{"-q", "(&(uid>=%u)(uid<=%u))"}, "-q must compare an attribute"},
                 {good + Words{"--name", "uid"}, "with -b"},
                 {{"-H", "ldap://127.0.0.1", "-D", "uid=joe"}, "-D must hold the login"},
                 {{"-H", "ldap://127.0.0.1", "-D", "%u"},
                  "not a DN: %u: write it as uid=%u,ou=people,dc=example,dc=org\n"},
                 {{"-H", "http://127.0.0.1", "-D", "uid=%u"}, "not a URI"},
                 {{"-H", "ldap://ldap.example", "-D", "uid=%u"}, "in the clear"},
                 {{"-H", "ldap://127.0.0.1 ldap://192.0.2.1", "-D", "uid=%u"}, "in the clear"},
                 {{"-H", "ldaps://a", "-D", "uid=%u", "--ca", "/not/there"},
                  "--ca: read /not/there: No such file or directory: install ca-certificates, or "
                  "name "
                  "another file\n"},
                 {good + Words{"--starttls", "--ca", "/not/there"}, "--ca: read /not/there"},
                 {good + Words{"-t", "0"}, "-t must be a number"},
                 {good + Words{"-t", "x"}, "-t must be a number"},
                 {good + Words{"-Z"}, "no such option"},
                 {good + Words{"-t"}, "no value"},
                 {good + Words{"/bin/true"}, "it is not clear when to run the next program"},
             }) {
            CAPTURE(says);
            const auto outcome = run({.argv = Words{built(program)} + options});
            CHECK(outcome.status == 2);
            CHECK(outcome.out == "");
            CHECK(outcome.err.starts_with(program + ": "));
            CHECK(has(outcome.err, says));
            CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
        }
        CHECK(
            run({.argv = {built(program), "--help"}}).out.starts_with("usage: " + program + " -H"));
        CHECK(run({.argv = {built(program), "-V"}}).out.starts_with(program + " "));
        for (const std::string record : {"", "joe", "joe\0old"})
            CHECK(run({.argv = Words{built(program)} + good, .record = record}).status == 2);
    }
    CHECK(
        run({.argv = Words{built("setpw-ldap")} + good + Words{"--native", "/bin/true"}}).status ==
        2);
    // Everybody would be `imap`.
    for (const std::string dn :
         {"cn=imap,uid=%u,dc=org", "cn=%%u,uid=%u,dc=org", "ou=%d,uid=%u,dc=org"}) {
        CAPTURE(dn);
        const Words there{"-H", closed_uri(), "-D", dn};
        const auto native =
            run({.argv = Words{built("checkpw-ldap")} + there + Words{"--native", "/bin/true"},
                 .record = check_record("joe@example.org", "old")});
        CHECK(native.status == 2);
        CHECK(has(native.err, "the first part of -D must hold the login, as %u or %s"));
        CHECK(check(there, "joe@example.org", "old").status == 111);
    }
    CHECK(run({.argv = Words{built("checkpw-ldap")} + search + Words{"-q", "(uid=%u"},
               .record = check_record("joe", "old")})
              .status == 111); // no server listens at port 389
}
