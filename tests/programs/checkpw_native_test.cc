// The native convention: checkpw runs the program of a user whose password is right.
#include "support/small_root.hh"
#include "support/users_file.hh"

#include <ctime>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;

struct System : SmallRoot {
    System() : SmallRoot{{"checkpw", "next-link"}} {
        make_directory("/users");
        std::string content;
        for (const std::string login : {"joe", "ann", "virtual", "root", "homeless"})
            content += login + ":" + hash + usual_dates;
        content += "locked:!" + hash + usual_dates + "late:" + hash + ":19000:0:99999:7::1:\n" +
                   "must:" + hash + ":0::::::\n";
        write("/users/shadow", content, 0644);
        write("/users/dovecot",
              "joe:{CRYPT}" + hash + ":64011:64012::/home/ann:/bin/ksh:extra\n" + //
                  "two:{CRYPT}" + hash + ":64011:64012\n" +                       //
                  "virtual:{CRYPT}" + hash + "\n" +                               //
                  "home:{CRYPT}" + hash + ":::gecos:/tmp:\n" +                    //
                  "ann:" + hash + "::::/home/joe::\n" +                           //
                  "root:" + hash + ":0:0::/:/bin/sh\n" +                          //
                  "half:" + hash + ":64011:::/tmp:\n" +                           //
                  "wheel:" + hash + ":64011:0::/tmp:\n" +                         //
                  "named:" + hash + ":vmail:vmail::/tmp:\n" +                     //
                  "minus:" + hash + ":-1:-1::/tmp:\n" +                           //
                  "max:" + hash + ":4294967295:4294967295::/tmp:\n",
              0644);
        write("/users/pipes", "virtual|" + hash + "|userdb_quota_rule=*:storage=1G\n", 0644);
    }
    Outcome check(const std::string& file, const std::string& login, const std::string& password,
                  std::vector<std::string> options = {"--native"}, Environment environment = {},
                  std::function<void()> before = {}) const {
        options.insert(options.begin(), {"/checkpw", "-f", "/users/" + file});
        options.insert(options.end(), {"/next-link", "0", "Maildir"});
        environment.emplace("SHELL", "/stale");
        environment.emplace("HOME", "/stale");
        environment.emplace("USER", "stale");
        return run({.argv = options,
                    .environment = environment,
                    .inherit = false,
                    .record = login + '\0' + password + bytes("\0\0\0"),
                    .before_exec = before});
    }
};

using Options = std::vector<std::string>;

const std::string no_account = "this user has no account, and root runs no program for a user";

std::function<void()> as(Ids ids) {
    return [=] {
        if (::setgroups(0, nullptr) != 0 || ::setgid(ids.gid) != 0 || ::setuid(ids.uid) != 0)
            ::_exit(126);
    };
}

void check_refused(const Outcome& outcome, int status) {
    CHECK(outcome.status == status);
    CHECK(outcome.out.empty());
    if (status != 111) CHECK(outcome.err.empty());
}

const Environment dovecot{{"DOVECOT_VERSION", "2.3.19"}};
const Environment user_lookup{{"DOVECOT_VERSION", "2.3.19"}, {"AUTHORIZED", "1"}};
const Environment credentials_lookup{
    {"DOVECOT_VERSION", "2.3.19"}, {"AUTHORIZED", "1"}, {"CREDENTIALS_LOOKUP", "1"}};

// Opens descriptor 4, as Dovecot does for its reply program.
void open_reply() { ::dup2(1, 4); }

} // namespace

TEST_CASE("right: the program runs as the user, in the home, with the user's environment") {
    const System system;
    if (!system.usable()) return;
    for (const auto& way : {std::vector<std::string>{"--native"}, {}}) {
        const Environment environment =
            way.empty() ? Environment{{"NATIVE_CHECKPASSWORD", "1"}} : Environment{};
        const auto outcome = system.check("shadow", "joe", "old", way, environment, [] {
            const gid_t groups[] = {0, 1, 2};
            if (::setgroups(3, groups) != 0) ::_exit(126);
        });
        CHECK(outcome.status == 0);
        CHECK(outcome.err.empty());
        const auto seen = parse_next_link(outcome.out);
        CHECK(seen.argv == std::vector<std::string>{"/next-link", "0", "Maildir"});
        CHECK(seen.uids == std::vector<uid_t>{64001, 64001, 64001});
        CHECK(seen.gids == std::vector<gid_t>{64002, 64002, 64002});
        CHECK(seen.groups == std::vector<gid_t>{64002, 64100, 64101});
        CHECK(seen.directory == "/home/joe");
        CHECK(seen.descriptors == std::vector<int>{0, 1, 2});
        CHECK(seen.environment.at("USER") == "joe");
        CHECK(seen.environment.at("HOME") == "/home/joe");
        CHECK(seen.environment.at("SHELL") == "/bin/bash");
        CHECK_FALSE(seen.environment.contains("userdb_uid"));
        CHECK_FALSE(seen.environment.contains("EXTRA"));
        CHECK_FALSE(seen.environment.contains("AUTHORIZED"));
        CHECK(seen.blocked.empty());
        CHECK(seen.ignored.empty());
    }
    // If /etc/passwd names no shell, it is the Bourne shell.
    CHECK(parse_next_link(system.check("shadow", "ann", "old").out).environment.at("SHELL") ==
          "/bin/sh");
}

TEST_CASE("wrong, unknown and refused: nothing runs, and nothing is written") {
    const System system;
    if (!system.usable()) return;
    for (const auto& environment : {Environment{}, dovecot}) {
        check_refused(system.check("shadow", "joe", "bad", {"--native"}, environment), 1);
        check_refused(system.check("shadow", "joe", "", {"--native"}, environment), 1);
        check_refused(system.check("shadow", "nobody", "old", {"--native"}, environment), 1);
        for (const std::string login : {"locked", "late", "must"})
            for (const std::string password : {"old", "bad"})
                check_refused(system.check("shadow", login, password, {"--native"}, environment),
                              1);
    }
    CHECK(system.check("shadow", "must", "old", {"--native", "--virtual", "joe", "--allow-expired"})
              .status == 0);
    check_refused(system.check("missing", "joe", "old"), 111);
    // This is never a fallback chain, whatever it ends in.
    const auto outcome = system.run(
        {.argv = {"/checkpw", "-f", "/users/shadow", "--native", "/next-link", "7", "/bin/false"},
         .record = bytes("nobody\0old\0\0\0")});
    check_refused(outcome, 1);
}

TEST_CASE("no program is misuse, before the record is read") {
    const System system;
    if (!system.usable()) return;
    for (const std::string option : {"--native", "--"}) {
        const auto outcome = system.run({.argv = {"/checkpw", "-f", "/users/shadow", option},
                                         .environment = {{"NATIVE_CHECKPASSWORD", ""}}});
        CHECK(outcome.status == 2);
        CHECK(outcome.err.find("needs a program") != std::string::npos);
    }
}

TEST_CASE("a virtual user: the ids stay as they are, and the home is the file's") {
    const System system;
    if (!system.usable()) return;
    const auto check = [&](const std::string& file, const std::string& login, Options options) {
        return parse_next_link(
            system.check(file, login, "old", std::move(options), {}, as(SmallRoot::ann)).out);
    };
    for (const std::string file : {"shadow", "dovecot", "pipes"}) {
        CAPTURE(file);
        const auto seen = check(file, "virtual", {"--native"});
        CHECK(seen.ran);
        CHECK(seen.uids == std::vector<uid_t>{64003, 64003, 64003});
        CHECK(seen.directory == "/");
        CHECK(seen.environment.at("USER") == "virtual");
        CHECK_FALSE(seen.environment.contains("HOME"));
        CHECK_FALSE(seen.environment.contains("SHELL"));
    }
    const auto seen = check("dovecot", "home", {"--native"});
    CHECK(seen.directory == "/tmp");
    CHECK(seen.environment.at("HOME") == "/tmp");
    // A passwd-file has its own users: that /etc/passwd has an ann too does not matter.
    CHECK(check("dovecot", "ann", {"--native", "-H"}).environment.at("HOME") == "/home/joe");
}

TEST_CASE("root runs no program for a virtual user") {
    const System system;
    if (!system.usable()) return;
    const auto refused = [&](const std::string& file, const std::string& login) {
        CAPTURE(file);
        CAPTURE(login);
        const auto outcome = system.check(file, login, "old");
        check_refused(outcome, 111);
        CHECK(outcome.err.find(no_account) != outcome.err.npos);
        check_refused(system.check(file, login, "bad"), 1);
    };
    for (const std::string file : {"shadow", "dovecot", "pipes"}) refused(file, "virtual");
    refused("dovecot", "home");
    refused("dovecot", "ann"); // the ann of /etc/passwd is another one
    // In a file of another account, any login can be invented.
    REQUIRE(::chown(system.path("/users/shadow").c_str(), 64020, 64020) == 0);
    refused("shadow", "virtual");
    // With -e the administrator says that the program takes the ids itself.
    CHECK(parse_next_link(system.check("shadow", "virtual", "old", {"--native", "-e"}).out).uids ==
          std::vector<uid_t>{0, 0, 0});
}

TEST_CASE("--virtual: every user becomes the account that it names") {
    const System system;
    if (!system.usable()) return;
    const auto check = [&](const std::string& file, const std::string& login,
                           const Environment& environment = {}) {
        return system.check(file, login, "old", {"--native", "--virtual", "joe"}, environment);
    };
    const std::vector<uid_t> joe{64001, 64001, 64001};
    for (const std::string file : {"shadow", "dovecot", "pipes"}) {
        CAPTURE(file);
        const auto seen = parse_next_link(check(file, "virtual").out);
        CHECK(seen.uids == joe);
        CHECK(seen.gids == std::vector<gid_t>{64002, 64002, 64002});
        CHECK(seen.groups == std::vector<gid_t>{64002, 64100, 64101});
        CHECK(seen.directory == "/");
        CHECK(seen.environment.at("USER") == "virtual");
        CHECK_FALSE(seen.environment.contains("HOME"));
        CHECK_FALSE(seen.environment.contains("SHELL"));
    }
    // /etc/passwd is not asked for the login: these are names of its accounts.
    for (const std::string login : {"ann", "root", "homeless"}) {
        const auto seen = parse_next_link(check("shadow", login).out);
        CHECK(seen.uids == joe);
        CHECK(seen.environment.at("USER") == login);
        CHECK_FALSE(seen.environment.contains("HOME"));
    }
    // The ids and the home that root's file names count.
    const auto two = parse_next_link(check("dovecot", "two").out);
    CHECK(two.uids == std::vector<uid_t>{64011, 64011, 64011});
    CHECK(two.groups == std::vector<gid_t>{64012});
    const auto home = parse_next_link(check("dovecot", "home").out);
    CHECK(home.uids == joe);
    CHECK(home.environment.at("HOME") == "/tmp");
    CHECK(home.directory == "/tmp");
    check_refused(check("dovecot", "root"), 111);

    // In a file of the account itself only the home counts.
    REQUIRE(::chown(system.path("/users/dovecot").c_str(), 64001, 64002) == 0);
    for (const std::string login : {"home", "root", "half"})
        CHECK(parse_next_link(check("dovecot", login).out).uids == joe);
    CHECK(parse_next_link(check("dovecot", "home").out).environment.at("HOME") == "/tmp");
    // In a file of a third account nothing counts.
    for (const std::string file : {"dovecot", "shadow"}) {
        REQUIRE(::chown(system.path("/users/" + file).c_str(), 64020, 64020) == 0);
        for (const std::string login : {"joe", "root"}) {
            const auto seen = parse_next_link(check(file, login).out);
            CHECK(seen.uids == joe);
            CHECK_FALSE(seen.environment.contains("HOME"));
        }
    }
    CHECK_FALSE(parse_next_link(check("dovecot", "home").out).environment.contains("HOME"));
}

TEST_CASE("--virtual without root: it is the account already, or 111") {
    const System system;
    if (!system.usable()) return;
    const Options options{"--native", "--virtual", "joe"};
    CHECK(parse_next_link(
              system.check("shadow", "virtual", "old", options, {}, as(SmallRoot::joe)).out)
              .uids == std::vector<uid_t>{64001, 64001, 64001});
    check_refused(system.check("shadow", "virtual", "old", options, {}, as(SmallRoot::ann)), 111);
}

TEST_CASE("--virtual that cannot be is misuse, before the record is read") {
    const System system;
    if (!system.usable()) return;
    system.write("/etc/passwd", system.read("/etc/passwd") + "admin:x:64005:0::/:/bin/sh\n");
    const auto misused = [&](const Options& options, const std::string& says) {
        auto outcome = system.check("shadow", "joe", "bad", options);
        CHECK(outcome.status == 2);
        CHECK(outcome.err.find(says) != outcome.err.npos);
    };
    misused({"--native", "--virtual", "nobody"}, "/etc/passwd has no account nobody");
    misused({"--native", "--virtual", ""}, "/etc/passwd has no account ");
    misused({"--native", "--virtual", "root"}, "root has the uid or the gid of root");
    misused({"--native", "--virtual", "admin"}, "admin has the uid or the gid of root");
    misused({"--native", "-e", "--virtual", "joe"}, "exclude each other");
    const auto fallback =
        system.run({.argv = {"/checkpw", "-f", "/users/shadow", "--virtual", "joe", "/bin/false"}});
    CHECK(fallback.status == 2);
    CHECK(fallback.err.find("--virtual is for a native chain") != fallback.err.npos);
}

TEST_CASE("the group of root is nobody's primary group") {
    const System system;
    if (!system.usable()) return;
    system.write("/etc/passwd", system.read("/etc/passwd") + "admin:x:64005:0::/:/bin/sh\n");
    system.write("/users/admins", "admin:" + hash + usual_dates, 0644);
    system.write("/users/groups", "group:" + hash + ":64005:0::/:/bin/sh\n", 0644);
    for (const auto& environment : {Environment{}, dovecot})
        for (const auto& [file, login] :
             std::map<std::string, std::string>{{"admins", "admin"}, {"groups", "group"}}) {
            const auto outcome = system.check(file, login, "old", {"--native"}, environment);
            check_refused(outcome, 111);
            CHECK(outcome.err.find("the uid or the gid of root") != outcome.err.npos);
        }
}

TEST_CASE("a passwd-file gives the ids of its users only if root owns it") {
    const System system;
    if (!system.usable()) return;
    const auto of_root = parse_next_link(system.check("dovecot", "two", "old").out);
    CHECK(of_root.uids == std::vector<uid_t>{64011, 64011, 64011});
    CHECK(of_root.gids == std::vector<gid_t>{64012, 64012, 64012});
    CHECK(of_root.groups == std::vector<gid_t>{64012});
    CHECK_FALSE(of_root.environment.contains("HOME"));
    REQUIRE(::chmod(system.path("/home/ann").c_str(), 0755) == 0);
    const auto home = parse_next_link(system.check("dovecot", "joe", "old").out);
    CHECK(home.uids == std::vector<uid_t>{64011, 64011, 64011});
    CHECK(home.directory == "/home/ann");
    CHECK(home.environment.at("HOME") == "/home/ann");
    CHECK(home.environment.at("SHELL") == "/bin/ksh");
    for (const std::string bad : {"half", "named", "minus", "max"}) {
        CAPTURE(bad);
        check_refused(system.check("dovecot", bad, "old"), 111);
        check_refused(system.check("dovecot", bad, "bad"), 1);
    }

    REQUIRE(::chown(system.path("/users/dovecot").c_str(), 64020, 64020) == 0);
    for (const std::string login : {"joe", "two", "home", "root", "half", "named"}) {
        CAPTURE(login);
        const auto seen = parse_next_link(
            system.check("dovecot", login, "old", {"--native"}, {}, as(SmallRoot::ann)).out);
        CHECK(seen.ran);
        CHECK(seen.uids == std::vector<uid_t>{64003, 64003, 64003});
        CHECK(seen.directory == "/");
        CHECK_FALSE(seen.environment.contains("HOME"));
        check_refused(system.check("dovecot", login, "old"), 111);
    }
}

TEST_CASE("no user gets uid 0 or gid 0, and Dovecot is not told of them") {
    const System system;
    if (!system.usable()) return;
    for (const auto& environment : {Environment{}, dovecot})
        for (const auto& [file, login] : {std::pair<std::string, std::string>{"shadow", "root"},
                                          {"dovecot", "root"},
                                          {"dovecot", "wheel"}}) {
            CAPTURE(login);
            check_refused(system.check(file, login, "old", {"--native"}, environment), 111);
            check_refused(system.check(file, login, "bad", {"--native"}, environment), 1);
        }
}

TEST_CASE("in a file that a group can write nobody is believed to be an account") {
    const System system;
    if (!system.usable()) return;
    for (const std::string file : {"shadow", "dovecot"})
        REQUIRE(::chmod(system.path("/users/" + file).c_str(), 0664) == 0);
    for (const auto& environment : {Environment{}, dovecot}) {
        for (const auto& [file, login] :
             {std::pair<std::string, std::string>{"shadow", "joe"}, {"dovecot", "two"}}) {
            CAPTURE(file);
            const auto outcome = system.check(file, login, "old", {"--native"}, environment);
            check_refused(outcome, 111);
            CHECK(outcome.err.find("chmod g-w /users/" + file) != std::string::npos);
            check_refused(system.check(file, login, "bad", {"--native"}, environment), 1);
        }
        // A home of such a file is not used.
        const auto seen = parse_next_link(
            system.check("dovecot", "home", "old", {"--native", "--virtual", "ann"}, environment)
                .out);
        CHECK(seen.ran);
        CHECK_FALSE(seen.environment.contains("HOME"));
        CHECK(seen.directory == "/");
    }
}

TEST_CASE("a home that cannot be entered is 111, and -H does not enter it") {
    const System system;
    if (!system.usable()) return;
    check_refused(system.check("shadow", "homeless", "old"), 111);
    for (const std::string option : {"-H", "--no-chdir-home"}) {
        const auto seen =
            parse_next_link(system.check("shadow", "homeless", "old", {"--native", option}).out);
        CHECK(seen.uids == std::vector<uid_t>{64004, 64004, 64004});
        CHECK(seen.directory == "/");
        CHECK(seen.environment.at("HOME") == "/home/nowhere");
    }
    // The user enters the home: root's rights must not count.
    REQUIRE(::chown(system.path("/home/joe").c_str(), 64003, 64003) == 0);
    check_refused(system.check("shadow", "joe", "old"), 111);
}

TEST_CASE("-e sets USER, and the ids and the directory stay as they are") {
    const System system;
    if (!system.usable()) return;
    for (const std::string option : {"-e", "--noenv"}) {
        const auto seen = parse_next_link(
            system.check("shadow", "joe", "old", {"--native", option}, {{"userdb_uid", "1"}}).out);
        CHECK(seen.environment ==
              std::map<std::string, std::string>{
                  {"USER", "joe"}, {"HOME", "/stale"}, {"SHELL", "/stale"}, {"userdb_uid", "1"}});
        CHECK(seen.uids == std::vector<uid_t>{0, 0, 0});
        CHECK(seen.directory == "/");
    }
}

TEST_CASE("without root: status 111 unless it runs as the user already") {
    const System system;
    if (!system.usable()) return;
    const auto seen = parse_next_link(
        system.check("shadow", "joe", "old", {"--native"}, {}, as(SmallRoot::joe)).out);
    CHECK(seen.uids == std::vector<uid_t>{64001, 64001, 64001});
    CHECK(seen.directory == "/home/joe");
    check_refused(system.check("shadow", "joe", "old", {"--native"}, {}, as(SmallRoot::ann)), 111);
    check_refused(system.check("shadow", "joe", "old", {"--native"}, {}, as({64001, 64003})), 111);
    CHECK(parse_next_link(
              system.check("shadow", "virtual", "old", {"--native"}, {}, as(SmallRoot::ann)).out)
              .uids == std::vector<uid_t>{64003, 64003, 64003});
}

TEST_CASE("after the file of another account was read, the ids are root's again") {
    const System system;
    if (!system.usable()) return;
    REQUIRE(::chown(system.path("/users").c_str(), 64020, 64020) == 0);
    REQUIRE(::chown(system.path("/users/shadow").c_str(), 64020, 64020) == 0);
    CHECK(parse_next_link(
              system.check("shadow", "virtual", "old", {"--native", "--virtual", "joe"}).out)
              .uids == std::vector<uid_t>{64001, 64001, 64001});
}

TEST_CASE("with a shadow file of another owner, only that owner's account is served") {
    const System system;
    if (!system.usable()) return;
    // Otherwise the owner of the file could add a line for any account, and become that account.
    const std::string file = system.path("/users/shadow");
    REQUIRE(::chown(file.c_str(), 64011, 64011) == 0);
    for (const auto& environment : {Environment{}, dovecot}) {
        const auto outcome = system.check("shadow", "joe", "old", {"--native"}, environment);
        check_refused(outcome, 111);
        CHECK(outcome.err.find("joe") != std::string::npos);
    }
    check_refused(system.check("shadow", "joe", "wrong"), 1);
    REQUIRE(::chown(file.c_str(), 64001, 64002) == 0); // the file is joe's own
    CHECK(system.check("shadow", "joe", "old").status == 0);
}

TEST_CASE("Dovecot: the ids stay, the environment names the user, and descriptor 4 stays open") {
    const System system;
    if (!system.usable()) return;
    const auto outcome = system.check("shadow", "joe", "old", {}, dovecot, open_reply);
    CHECK(outcome.status == 0);
    const auto seen = parse_next_link(outcome.out);
    CHECK(seen.uids == std::vector<uid_t>{0, 0, 0});
    CHECK(seen.directory == "/");
    CHECK(seen.descriptors == std::vector<int>{0, 1, 2, 4});
    CHECK(seen.environment ==
          std::map<std::string, std::string>{{"DOVECOT_VERSION", "2.3.19"},
                                             {"USER", "joe"},
                                             {"HOME", "/home/joe"},
                                             {"SHELL", "/bin/bash"},
                                             {"userdb_uid", "64001"},
                                             {"userdb_gid", "64002"},
                                             {"EXTRA", "userdb_uid userdb_gid"}});
    // Not as root, which is Dovecot's default: root is not necessary.
    const auto other = system.check("shadow", "joe", "old", {}, dovecot, [] {
        open_reply();
        if (::setgid(64005) != 0 || ::setuid(64005) != 0) ::_exit(126);
    });
    CHECK(parse_next_link(other.out).environment.at("userdb_uid") == "64001");

    const auto virtual_user =
        parse_next_link(system.check("shadow", "virtual", "old", {}, dovecot).out);
    CHECK(virtual_user.environment ==
          std::map<std::string, std::string>{{"DOVECOT_VERSION", "2.3.19"}, {"USER", "virtual"}});
    const auto mail_account = parse_next_link(
        system.check("shadow", "virtual", "old", {"--virtual", "joe"}, dovecot).out);
    CHECK(mail_account.uids == std::vector<uid_t>{0, 0, 0});
    CHECK(mail_account.environment ==
          std::map<std::string, std::string>{{"DOVECOT_VERSION", "2.3.19"},
                                             {"USER", "virtual"},
                                             {"userdb_uid", "64001"},
                                             {"userdb_gid", "64002"},
                                             {"EXTRA", "userdb_uid userdb_gid"}});
    const auto from_line = parse_next_link(system.check("dovecot", "joe", "old", {}, dovecot).out);
    CHECK(from_line.environment.at("userdb_uid") == "64011");
    CHECK(from_line.environment.at("HOME") == "/home/ann");
    auto environment = dovecot;
    environment["EXTRA"] = "userdb_quota";
    CHECK(parse_next_link(system.check("shadow", "joe", "old", {}, environment).out)
              .environment.at("EXTRA") == "userdb_quota userdb_uid userdb_gid");
}

TEST_CASE("Dovecot's look-ups find users without a password") {
    const System system;
    if (!system.usable()) return;
    for (const auto& environment : {user_lookup, credentials_lookup}) {
        const auto outcome = system.check("shadow", "joe", "", {}, environment, open_reply);
        CHECK(outcome.status == 0);
        const auto seen = parse_next_link(outcome.out);
        CHECK(seen.ran);
        CHECK(seen.environment.at("AUTHORIZED") == "2");
        CHECK(seen.environment.at("USER") == "joe");
        CHECK(seen.environment.at("userdb_uid") == "64001");
        CHECK(seen.uids == std::vector<uid_t>{0, 0, 0});
        CHECK(seen.descriptors == std::vector<int>{0, 1, 2, 4});
    }
    for (const std::string login : {"nobody", "", "#", "joe:"}) {
        check_refused(system.check("shadow", login, "", {}, user_lookup, open_reply), 3);
        check_refused(system.check("shadow", login, "", {}, credentials_lookup, open_reply), 1);
    }
    check_refused(system.check("missing", "joe", "", {}, user_lookup, open_reply), 111);
    // A user who may not log in still receives mail, but a credentials lookup is refused.
    for (const std::string login : {"locked", "late", "must"}) {
        CHECK(parse_next_link(system.check("shadow", login, "", {}, user_lookup, open_reply).out)
                  .ran);
        check_refused(system.check("shadow", login, "", {}, credentials_lookup, open_reply), 1);
    }
    // -e leaves out the variables that are not asked for, but not the answer.
    const auto seen =
        parse_next_link(system.check("shadow", "joe", "", {"-e"}, user_lookup, open_reply).out);
    CHECK(seen.environment.at("AUTHORIZED") == "2");
    CHECK_FALSE(seen.environment.contains("userdb_uid"));
}

TEST_CASE("a request that only looks like a look-up is a check with a wrong password") {
    const System system;
    if (!system.usable()) return;
    // Descriptor 4 is closed.
    check_refused(system.check("shadow", "joe", "", {}, user_lookup), 1);
    // It is not Dovecot that asks.
    check_refused(
        system.check("shadow", "joe", "", {"--native"}, {{"AUTHORIZED", "1"}}, open_reply), 1);
    // Not authorized, or already authorized.
    for (const std::string value : {"", "0", "2", "11", "yes"}) {
        auto environment = dovecot;
        environment["AUTHORIZED"] = value;
        check_refused(system.check("shadow", "joe", "", {}, environment, open_reply), 1);
    }
    check_refused(system.check("shadow", "joe", "", {}, dovecot, open_reply), 1);
    // With a password it is a check.
    check_refused(system.check("shadow", "joe", "bad", {}, user_lookup, open_reply), 1);
    check_refused(system.check("shadow", "nobody", "x", {}, user_lookup, open_reply), 1);
    const auto seen =
        parse_next_link(system.check("shadow", "joe", "old", {}, user_lookup, open_reply).out);
    CHECK(seen.ran);
    CHECK(seen.environment.at("AUTHORIZED") == "1");
}
