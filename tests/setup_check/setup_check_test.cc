// poppass --check: what it finds, what it says of it, and that it changes nothing.
#include "support/program.hh"

#include <doctest/doctest.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace poppass;
using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

// A copy of a program of this build. Nobody else can replace it, as the checkout's owner could.
std::string installed(const std::string& name) {
    static const TemporaryDirectory directory;
    const auto path = directory.file(name);
    if (::access(path.c_str(), F_OK) != 0) std::filesystem::copy_file(built(name), path);
    return path;
}

// Links of this build that the set-ups below run, beside poppass-check.
void install() {
    for (const char* const name :
         {"poppass", "poppass-check", "checkpw", "setpw", "checkpw-throttle", "checkpw-pam",
          "setpw-quality", "setpw-hook"})
        if (is_built(name)) (void)installed(name);
}

// The beginning of a change chain; empty if this build has no policy.
std::string policy() {
    return is_built("setpw-quality") ? installed("setpw-quality") + " -- " : std::string{};
}

// A set-up that is as it should be: its file, and what is varied.
struct Setup {
    TemporaryDirectory directory;
    std::string file = directory.file("users");
    Words check{installed("checkpw"), "-f", file, "--allow-expired", "/bin/false"};
    std::optional<std::string> change =
        policy() + installed("setpw") + " -f " + file + " /bin/false";
    Environment environment = {};
    Words options = {"--check"};
    Words host = {"mail.example"};

    Setup() {
        install();
        write_file(file, "joe:$6$salt$hash:19000:0:99999:7:::\n", 0600);
    }

    Outcome run() const {
        Program program{.argv = {installed("poppass")}};
        for (const Words* const more : {&options, &host, &check})
            program.argv.insert(program.argv.end(), more->begin(), more->end());
        program.environment = {{"PASSWORD_COMMAND", change},
                               {"POPPASS_FILE", std::nullopt},
                               {"NATIVE_CHECKPASSWORD", std::nullopt},
                               {"TCPLOCALIP", "127.0.0.1"},
                               {"UID", "64010"},
                               {"GID", "64010"}};
        for (const auto& [name, value] : environment) program.environment[name] = value;
        return test::run(program);
    }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Builds that lack the filter or a policy say so; nothing else.
void check_good(const Outcome& outcome) {
    std::string out = outcome.out;
    const auto drop = [&](const std::string& lack) {
        REQUIRE(has(out, lack));
        const auto begin = out.find(lack);
        out.erase(begin, out.find('\n', begin) + 1 - begin);
    };
    if (!hardened)
        drop("warning  filter: this build has no system call filter for the network side: build it "
             "without posix_only and without a sanitizer\n");
    if (policy().empty()) drop("warning  setpw: takes any new password");
    CHECK(outcome.status == (hardened && !policy().empty() ? 0 : 1));
    CHECK_FALSE(has(out, "warning"));
    CHECK_FALSE(has(out, "error"));
}

std::string guard_link() { return installed("checkpw-throttle"); }

// Puts a guard before the check. Returns its directory, which has a state.
std::string guard_of(Setup& setup) {
    const auto directory = setup.directory.file("guard");
    setup.check.insert(setup.check.begin(), {guard_link(), "-d", directory});
    REQUIRE(run({.argv = {guard_link(), "-d", directory, "--list"}}).status == 0);
    return directory;
}

struct Spoiled {
    const char* what;
    std::function<void(Setup&)> spoil;
    const char* says;
};

void check_each(const std::vector<Spoiled>& cases, int status, const char* level) {
    for (const auto& [what, spoil, says] : cases) {
        CAPTURE(what);
        Setup setup;
        spoil(setup);
        const auto outcome = setup.run();
        CAPTURE(outcome.out);
        CHECK(outcome.status == status);
        CHECK(has(outcome.out, level));
        CHECK(has(outcome.out, says));
    }
}

} // namespace

TEST_CASE("a correct set-up") {
    if (missing(::geteuid() == 0, "root")) return;
    const Setup setup;
    const std::string before = read_file(setup.file);
    const auto outcome = setup.run();
    CAPTURE(outcome.out);
    check_good(outcome);
    CHECK(has(outcome.out, "ok       " + setup.file + ": has 1 user in the format shadow\n"));
    CHECK(outcome.err.empty());
    CHECK(read_file(setup.file) == before);
    CHECK(::access((setup.file + ".lock").c_str(), F_OK) != 0);
}

TEST_CASE("hooks, and the rest of the chain after them") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    const auto hook = setup.directory.file("hook");
    write_file(hook, "#!/bin/sh\n", 0755);
    const auto chain = [&](const std::string& rest) {
        setup.change =
            policy() + installed("setpw-hook") + " --after '" + hook + " word' -- " + rest;
        const auto outcome = setup.run();
        CAPTURE(outcome.out);
        CHECK(has(outcome.out, installed("setpw-hook") + ": runs for the change\n"));
        return outcome;
    };
    const auto store = installed("setpw") + " -f " + setup.file + " /bin/false";
    auto outcome = chain(store);
    CAPTURE(outcome.out);
    check_good(outcome);
    CHECK(has(outcome.out, "ok       " + hook + ": runs for the hooks of a change\n"));
    CHECK(has(outcome.out, "ok       " + installed("setpw") + ": runs for the change\n"));
    CHECK(has(chain("").out, "setpw-hook: wants the rest of a chain to run"));
    CHECK(has(chain("/bin/true").out, "/bin/true: accepts everybody"));
    CHECK(has(chain("/nonexistent/setter").out, "error    /nonexistent/setter: "));
    ::chmod(hook.c_str(), 0777);
    outcome = chain(store);
    CHECK(outcome.status == 2);
    CHECK(has(outcome.out, "error    " + hook + ": " + hook + " can be written by others"));
    ::unlink(hook.c_str());
    outcome = chain(store);
    CHECK(outcome.status == 2);
    CHECK(has(outcome.out, "error    setpw-hook: --after: run " + hook + ": No such file"));
}

TEST_CASE("every setting that is wrong is named, not only the first one") {
    Setup setup;
    setup.environment = {{"POPPASS_DELAY", "-1"},
                         {"POPPASS_TRIES", "many"},
                         {"POPPASS_STRIP", "@example.org"},
                         {"POPPASS_AFTER", "/nonexistent/after"}};
    const auto outcome = setup.run();
    CAPTURE(outcome.out);
    CHECK(outcome.status == 2);
    for (const char* const name : {"DELAY", "TRIES", "STRIP", "AFTER"})
        CHECK(has(outcome.out, std::string{"error    settings: POPPASS_"} + name));
}

TEST_CASE("correct native chains") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    // DJB's, by its name.
    const auto djb = setup.directory.file("checkpassword");
    std::filesystem::copy_file("/bin/true", djb);
    const Words ours{installed("checkpw"), "-f", setup.file, "/bin/true"};
    struct Case {
        Words check;
        std::optional<std::string> declared;
    };
    for (const auto& [check, declared] : {
             Case{{djb, "/bin/true"}, {}},
             Case{{installed("checkpw-throttle"), "--native", djb, "/bin/true"}, {}},
             Case{{installed("checkpw-throttle"), "-n", "3", "--native", "--", djb, "/bin/true"},
                  {}},
             Case{{installed("checkpw-throttle"), djb, "/bin/true"}, "1"},
             Case{{installed("checkpw-throttle"), "--native", djb, installed("checkpw-throttle"),
                   "--passed", "9", "--", "/bin/true"},
                  {}},
             Case{{installed("checkpw-throttle"), "--native", "/bin/cat",
                   installed("checkpw-throttle"), "--passed", "9", "/bin/true"},
                  {}},
             Case{ours, "1"},
         }) {
        CAPTURE(check.front());
        setup.check = check;
        setup.environment["NATIVE_CHECKPASSWORD"] = declared;
        const auto outcome = setup.run();
        CAPTURE(outcome.out);
        check_good(outcome);
    }
}

TEST_CASE("errors end with status 2 and name the place") {
    check_each(
        {
            {"no PASSWORD_COMMAND", [](Setup& s) { s.change.reset(); },
             "PASSWORD_COMMAND is not set: set it to the chain that changes passwords\n"},
            {"an empty PASSWORD_COMMAND", [](Setup& s) { s.change = " "; },
             "PASSWORD_COMMAND: no words in it: name a program\n"},
            {"an open quote", [](Setup& s) { s.change = "setpw 'a"; },
             "PASSWORD_COMMAND: a quote (') is not closed: close it\n"},
            {"a backslash at the end", [](Setup& s) { s.change = "setpw \\"; },
             "PASSWORD_COMMAND: a backslash ends it: remove it, or write two\n"},
            {"true alone", [](Setup& s) { s.check = {"/bin/true"}; },
             "CHECKPROGRAM begins with true, which accepts every password: put the program that "
             "knows the users there\n"},
            {"a foreign link that needs a next one",
             [](Setup& s) {
                 std::filesystem::copy_file("/bin/true", s.directory.file("vchkpass"));
                 s.check = {s.directory.file("vchkpass")};
             },
             "vchkpass: wants a next link: end the chain in /bin/false\n"},
            {"an account that does not exist",
             [](Setup& s) {
                 s.check = {installed("checkpw"), "--native", "--virtual", "no-such-account",
                            "/bin/true"};
             },
             "--virtual: /etc/passwd has no account no-such-account: make it, or name another\n"},
            {"the account root",
             [](Setup& s) {
                 s.check = {installed("checkpw"), "--native", "--virtual", "root", "/bin/true"};
             },
             "--virtual: root has the uid or the gid of root: name an account that owns the mail "
             "only\n"},
            {"an account in a fallback chain",
             [](Setup& s) {
                 s.check = {installed("checkpw"), "--virtual", "nobody", "/bin/false"};
             },
             "--virtual is for a native chain: give --native, or leave it out\n"},
            {"a line that is too long",
             [](Setup& s) { write_file(s.file, std::string(70'000, 'x') + "\n", 0600); },
             "a line is longer than 64 kB: shorten or remove it\n"},
            {"a directory for a file",
             [](Setup& s) {
                 s.check[2] = s.directory.file("in");
                 REQUIRE(::mkdir(s.check[2].c_str(), 0700) == 0);
             },
             "is not a regular file: name one\n"},
            {"a variable", [](Setup& s) { s.change = "$SETPW"; }, "variables are not expanded"},
            {"no such program", [](Setup& s) { s.check = {"/nonexistent/link"}; },
             "/nonexistent/link"},
            {"no program",
             [](Setup& s) {
                 write_file(s.directory.file("text"), "hello\n", 0755);
                 s.check = {s.directory.file("text")};
             },
             "is no program"},
            {"a program that others can write",
             [](Setup& s) {
                 write_file(s.directory.file("link"), "#!/bin/sh\n", 0755);
                 ::chmod(s.directory.file("link").c_str(), 0777);
                 s.check = {s.directory.file("link")};
             },
             "can be written by others"},
            {"true after one of ours", [](Setup& s) { s.check.back() = "/bin/true"; },
             "true accepts them all"},
            {"a program after one of ours", [](Setup& s) { s.check.back() = "/bin/cat"; },
             "cannot tell when to run"},
            {"native without a program",
             [](Setup& s) {
                 s.check = {installed("checkpw"), "--native", "-f", s.file};
             },
             "wants a program to run"},
            {"native with false",
             [](Setup& s) {
                 s.check = {installed("checkpw"), "--native", "-f", s.file, "/bin/false"};
             },
             "false refuses them all"},
            {"native declared for a fallback chain",
             [](Setup& s) { s.environment["NATIVE_CHECKPASSWORD"] = "1"; },
             "only this link is ever asked: unset NATIVE_CHECKPASSWORD"},
            {"a guard of a native chain, without a word of that",
             [](Setup& s) {
                 s.check = {installed("checkpw-throttle"), s.directory.file("checkpassword"),
                            "/bin/true"};
             },
             "cannot tell when to run"},
            {"a guard of nothing", [](Setup& s) { s.check = {installed("checkpw-throttle")}; },
             "wants the rest of a chain to run: write it after the options\n"},
            {"no file", [](Setup& s) { ::unlink(s.file.c_str()); }, "pwadmin --add"},
            {"a file that everybody can write", [](Setup& s) { ::chmod(s.file.c_str(), 0606); },
             "can be written by everybody"},
            {"a file with two names",
             [](Setup& s) { REQUIRE(::link(s.file.c_str(), s.directory.file("b").c_str()) == 0); },
             "has more than one name: remove the others\n"},
            {"a directory that others can write",
             [](Setup& s) { ::chmod(s.directory.path().c_str(), 0777); }, "the place of"},
            {"a file whose owner is not in its group",
             [](Setup& s) {
                 // Debian's account games.
                 REQUIRE(::chown(s.directory.path().c_str(), 5, 60) == 0);
                 REQUIRE(::chown(s.file.c_str(), 5, 0) == 0);
             },
             "no change can be made: gid 0 is no group of the file's owner: chgrp 60 "},
            {"a file in a directory that its owner cannot write",
             [](Setup& s) {
                 REQUIRE(::chmod(s.directory.path().c_str(), 0755) == 0);
                 REQUIRE(::chown(s.file.c_str(), 64001, 64001) == 0);
             },
             "no change can be made: the file's owner cannot write its directory: chown 64001 "},
            {"a directory further up that others can write",
             [](Setup& s) {
                 const auto up = s.directory.file("up");
                 REQUIRE(::mkdir(up.c_str(), 0700) == 0);
                 REQUIRE(::mkdir((up + "/in").c_str(), 0700) == 0);
                 s.check[2] = up + "/in/users";
                 REQUIRE(::rename(s.file.c_str(), s.check[2].c_str()) == 0);
                 ::chmod(up.c_str(), 0770);
             },
             "/up can be written by its group"},
            {"a symbolic link of another account",
             [](Setup& s) {
                 s.check[2] = s.directory.file("link");
                 REQUIRE(::symlink(s.file.c_str(), s.check[2].c_str()) == 0);
                 REQUIRE(::lchown(s.check[2].c_str(), 64001, 64002) == 0);
             },
             "/users: chown -h root "},
            {"a setting", [](Setup& s) { s.environment["POPPASS_TRIES"] = "0"; }, "POPPASS_TRIES"},
            {"an option that no link has", [](Setup& s) { s.check[1] = "--frobnicate"; },
             "no such option: --frobnicate"},
            {"a misspelt option at the change",
             [](Setup& s) { s.change = installed("setpw") + " --min-uids 5 /bin/false"; },
             "no such option: --min-uids"},
            {"a guard's directory that others can write",
             [](Setup& s) { ::chmod(guard_of(s).c_str(), 0770); },
             "guard can be written by others: chmod go-w\n"},
            {"a guard's directory of another account",
             [](Setup& s) { REQUIRE(::chown(guard_of(s).c_str(), 64001, 0) == 0); },
             "guard belongs to uid 64001, and not to uid 0: chown 0, or name another one\n"},
            {"a guard's directory that is none",
             [](Setup& s) {
                 std::filesystem::remove_all(guard_of(s));
                 write_file(s.directory.file("guard"), "");
             },
             "guard is no directory: name another one\n"},
            {"a guard's directory behind another account's symbolic link",
             [](Setup& s) {
                 std::filesystem::rename(guard_of(s), s.directory.file("there"));
                 const auto link = s.directory.file("guard");
                 REQUIRE(::symlink(s.directory.file("there").c_str(), link.c_str()) == 0);
                 REQUIRE(::lchown(link.c_str(), 64001, 64002) == 0);
             },
             "/there: chown -h root "},
            {"a guard's directory that cannot be made",
             [](Setup& s) {
                 s.check.insert(s.check.begin(), {guard_link(), "-d", "/no/such"});
             },
             "/no/such: find /no: No such file or directory: make the directory that it is "
             "in\n"},
            {"no HOST",
             [](Setup& s) {
                 s.host.clear();
                 s.check = {installed("checkpw"), "/bin/false"};
             },
             "/checkpw' is a program: write the host's name for the greeting before it\n"},
            {"no HOST before a link without a path", [](Setup& s) { s.host = {"checkpw-pam"}; },
             "error    HOST: `checkpw-pam' is a program: write the host's name"},
            {"nothing but false", [](Setup& s) { s.check = {"/bin/false"}; },
             "error    /bin/false: refuses everybody: put the program that knows the users "
             "before it\n"},
            {"a guard of false",
             [](Setup& s) {
                 s.check = {installed("checkpw-throttle"), "/bin/false"};
             },
             "error    /bin/false: refuses everybody"},
            {"a change by false", [](Setup& s) { s.change = "/bin/false"; },
             "error    /bin/false: refuses everybody"},
            {"a guard of true",
             [](Setup& s) {
                 s.check = {installed("checkpw-throttle"), "--native", "/bin/true"};
             },
             "error    /bin/true: accepts everybody: put the program that knows the users "
             "before it\n"},
            {"a false that does not exist", [](Setup& s) { s.check.back() = "/nonexistent/false"; },
             "error    /nonexistent/false: run /nonexistent/false: No such file or directory: "
             "install it, or write where it is\n"},
            {"a program that is in no directory of PATH",
             [](Setup& s) { s.check.insert(s.check.end() - 1, "checkpw-of-others"); },
             "error    checkpw-of-others: run checkpw-of-others: not found in PATH: install it, "
             "or write where it is\n"},
            {"a guard of a native chain of others",
             [](Setup& s) {
                 s.check = {installed("checkpw-throttle"), "--native", "/bin/cat", "/bin/true"};
             },
             "error    checkpw-throttle: cannot tell where the program begins that `/bin/cat' "
             "runs: put `checkpw-throttle --passed 9' before it\n"},
            {"a guard of a guard",
             [](Setup& s) {
                 s.check = {installed("checkpw-throttle"),
                            "--native",
                            installed("checkpw-throttle"),
                            "--native",
                            "checkpassword",
                            "/bin/true"};
             },
             "error    checkpw-throttle: guards another guard: remove one of them\n"},
            {"a mark where no native link runs it",
             [](Setup& s) {
                 s.check.insert(s.check.begin(), {installed("checkpw-throttle"), "--passed", "9"});
             },
             "error    checkpw-throttle: --passed belongs before the last program of a native "
             "chain, after a guard: remove it\n"},
            {"an option that shows the usage",
             [](Setup& s) { s.check[1] = "-h", s.check.erase(s.check.begin() + 2); },
             "error    checkpw: looks at no password with -h, -V, --check, --list or --clear, and "
             "its exit status 0 would accept any: remove that option\n"},
            {"an option of poppass, for a link",
             [](Setup& s) { s.check.insert(s.check.begin() + 1, "--check"); },
             "looks at no password with"},
            {"a guard that lists",
             [](Setup& s) {
                 s.check.insert(s.check.begin(), {installed("checkpw-throttle"), "--list"});
             },
             "error    checkpw-throttle: looks at no password with"},
            {"a value that is none",
             [](Setup& s) {
                 s.change = installed("setpw") + " -f " + s.file + " -m rot13 /bin/false";
             },
             "-m: no such method of hashing passwords: crypt(5) lists them\n"},
            {"a number that is none",
             [](Setup& s) {
                 s.check.insert(s.check.begin(), {installed("checkpw-throttle"), "-nx"});
             },
             "error    checkpw-throttle: -n must be a number from 1 to 1000\n"},
        },
        2, "error    ");
}

TEST_CASE("warnings end with status 1") {
    if (missing(::geteuid() == 0, "root")) return;
    check_each(
        {
            {"a file that everybody can read", [](Setup& s) { ::chmod(s.file.c_str(), 0644); },
             "can be read by everybody"},
            {"a file that its group can write", [](Setup& s) { ::chmod(s.file.c_str(), 0660); },
             "native chains take no ids from it: chmod g-w"},
            {"broken lines",
             [](Setup& s) {
                 write_file(s.file, "joe:$6$a$b:1:::::::\njim\n\n#\nx:*:a:::::::\n"
                                    "good:*:1::::::\n");
             },
             "count for nobody: 1, 2, 5: correct or remove them\n"},
            {"clear text, and a hash that libcrypt does not know",
             [](Setup& s) {
                 write_file(s.file, "joe:secret:1::::::\njim:correct.horse.battery:1::::::\n"
                                    "ann:$9$foo:1::::::\nlocked:!:1::::::\n");
             },
             "users: 3 of its passwords are no hashes of crypt(3), maybe clear text, and let "
             "nobody "
             "in: set them anew with pwadmin\n"},
            {"clear text that can be verified",
             [](Setup& s) {
                 write_file(s.file, "joe:{PLAIN}secret\njim:{plain}x\nann:{SSHA512}x\n");
             },
             "users: 2 of its hashes are PLAIN, which is quickly guessed"},
            {"a scheme that is not known",
             [](Setup& s) {
                 write_file(s.file, "joe:{NTLM}secret\njim:{ntlm}x\nann:$6$salt$hash\n");
             },
             "users: 2 of its passwords are of the scheme {NTLM}, which cannot be verified, and "
             "let nobody in: pwadmin --remove these users, and --add them\n"},
            {"a user with two lines",
             [](Setup& s) {
                 write_file(s.file, "ann:$6$a$b:1::::::\njoe:$6$a$b:1::::::\n"
                                    "ann:$6$a$b:1::::::\n");
             },
             "users: has further lines of a user, which count for nobody: 3: remove them\n"},
            {"many broken lines",
             [](Setup& s) {
                 std::string lines;
                 for (int n = 0; n < 12; ++n) lines += "broken\n";
                 write_file(s.file, lines);
             },
             "count for nobody: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more: correct or remove "
             "them\n"},
            {"many further lines of a user",
             [](Setup& s) {
                 std::string lines;
                 for (int n = 0; n < 13; ++n) lines += "ann:*:1::::::\n";
                 write_file(s.file, lines);
             },
             "count for nobody: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more: remove them\n"},
            {"schemes without end",
             [](Setup& s) {
                 std::string lines;
                 for (char c = 'a'; c <= 'z'; ++c)
                     lines += std::string{c} + ":{" + c + std::string(50, 'X') + "}x\n";
                 write_file(s.file, lines + "other:{TXX}x\nlast:{TXX}x\n");
             },
             " 8 of its passwords have further faults: correct those above first\n"},
            {"a user with two lines is one user",
             [](Setup& s) { write_file(s.file, "ann:$6$a$b:1::::::\nann:$6$a$b:1::::::\n"); },
             "users: has 1 user in the format shadow\n"},
            {"a state of the guard that others can read",
             [](Setup& s) { ::chmod((guard_of(s) + "/state").c_str(), 0644); },
             "guard/state: is not ours alone, so the next attempt makes it anew, without its "
             "counts: remove it\n"},
            {"a state of another form", [](Setup& s) { write_file(guard_of(s) + "/state", "x"); },
             "guard/state: has another form, so the next attempt makes it anew, without its "
             "counts: remove it\n"},
            {"weak hashes",
             [](Setup& s) {
                 write_file(s.file, "a:$1$salt$hash:1::::::\nb:abJnggxhB/yWI:1::::::\n");
             },
             "1 of its hashes are md5crypt"},
            {"no policy",
             [](Setup& s) { s.change = installed("setpw") + " -f " + s.file + " /bin/false"; },
             "setpw: takes any new password, for no policy comes before it: begin "
             "PASSWORD_COMMAND with setpw-quality --"},
            {"any domain", [](Setup& s) { s.environment["POPPASS_STRIP"] = "*"; }, "POPPASS_STRIP"},
            {"little time", [](Setup& s) { s.environment["POPPASS_RUN"] = "4"; },
             "POPPASS_RUN: a chain may need more than 5 seconds on a busy machine: leave it unset, "
             "for "
             "60\n"},
            {"no delay", [](Setup& s) { s.environment["POPPASS_DELAY"] = "0"; }, "POPPASS_DELAY"},
            {"clear text", [](Setup& s) { s.environment["TCPLOCALIP"] = "192.0.2.1"; },
             "192.0.2.1 is not loopback"},
        },
        1, "warning  ");
}

TEST_CASE("stores with rules of their own need no policy before them") {
    for (const std::string link : {"setpw-pam", "setpw-ldap -H ldapi:/// -D uid=%u"}) {
        Setup setup;
        setup.change = link + " /bin/false";
        CHECK_FALSE(has(setup.run().out, "takes any new password"));
    }
}

TEST_CASE("a program that another account owns or could replace is an error") {
    if (missing(::geteuid() == 0, "root")) return;
    struct Case {
        const char* what;
        std::function<void(const std::string& directory, const std::string& program)> spoil;
        const char* says; // % stands for the directory
    };
    for (const auto& [what, spoil, says] : {
             Case{"its owner",
                  [](const std::string&, const std::string&program) {
                      REQUIRE(::chown(program.c_str(), 64001, 0) == 0);
                  },
                  "%/in/program belongs to uid 64001, who would learn every password: chown root "
                  "%/in/program\n"},
             Case{"its mode",
                  [](const std::string&, const std::string&program) {
                      REQUIRE(::chmod(program.c_str(), 0775) == 0);
                  },
                  "%/in/program can be written by others than its owner, who would learn every "
                  "password: chmod go-w %/in/program\n"},
             Case{"its directory's owner",
                  [](const std::string&directory, const std::string&) {
                      REQUIRE(::chown((directory + "/in").c_str(), 64001, 0) == 0);
                  },
                  "%/in belongs to uid 64001, who could put another file in the place of "
                  "%/in/program: chown root %/in\n"},
             Case{"a directory further up",
                  [](const std::string&directory, const std::string&) {
                      REQUIRE(::chmod(directory.c_str(), 0770) == 0);
                  },
                  "% can be written by its group, who could put another file in the place of "
                  "%/in/program: chmod g-w %\n"},
             Case{"a symbolic link's owner",
                  [](const std::string&directory, const std::string&program) {
                      const auto target = directory + "/target";
                      REQUIRE(::rename(program.c_str(), target.c_str()) == 0);
                      REQUIRE(::symlink(target.c_str(), program.c_str()) == 0);
                      REQUIRE(::lchown(program.c_str(), 64001, 0) == 0);
                  },
                  "%/in/program belongs to uid 64001, who could put another file in the place of "
                  "%/target: chown -h root %/in/program\n"},
             Case{"its interpreter",
                  [](const std::string&directory, const std::string&program) {
                      const auto shell = directory + "/sh";
                      std::filesystem::rename(program, shell);
                      write_file(program, "#! " + shell + " -e\n", 0755);
                      REQUIRE(::chown(shell.c_str(), 64001, 0) == 0);
                  },
                  "%/sh belongs to uid 64001, who would learn every password: chown root %/sh\n"},
             Case{"an interpreter that env finds",
                  [](const std::string&directory, const std::string&program) {
                      std::filesystem::rename(program, directory + "/perl");
                      write_file(program, "#!/usr/bin/env perl\n", 0755);
                      REQUIRE(::chown((directory + "/perl").c_str(), 64001, 0) == 0);
                  },
                  "%/perl belongs to uid 64001, who would learn every password: chown root "
                  "%/perl\n"},
             Case{"an interpreter that is missing",
                  [](const std::string&directory, const std::string&program) {
                      write_file(program, "#!" + directory + "/none\n", 0755);
                  },
                  "run %/none: No such file or directory: install it, or write where it is\n"},
         }) {
        CAPTURE(std::string{what});
        for (const bool change : {false, true}) {
            Setup setup;
            const auto directory = setup.directory.file("up");
            const auto program = directory + "/in/program";
            std::filesystem::create_directories(directory + "/in");
            std::filesystem::copy_file("/bin/false", program);
            spoil(directory, program);
            setup.environment["PATH"] = directory + ":/usr/bin:/bin";
            if (change)
                setup.change = program;
            else
                setup.check.insert(setup.check.end() - 1, program);
            const auto outcome = setup.run();
            CAPTURE(outcome.out);
            CHECK(outcome.status == 2);
            std::string expected = says;
            for (std::size_t at; (at = expected.find('%')) != expected.npos;)
                expected.replace(at, 1, directory);
            CHECK(has(outcome.out, "error    "));
            CHECK(has(outcome.out, expected));
        }
    }
}

TEST_CASE("a directory of PATH where others could put a program of that name is an error") {
    if (missing(::geteuid() == 0, "root")) return;
    const auto check = [](const std::string& path, const std::string& says) {
        Setup setup;
        const auto top = setup.directory.file("up");
        std::filesystem::create_directories(top + "/in");
        std::filesystem::create_directories(top + "/last");
        std::filesystem::copy_file("/bin/false", top + "/last/program");
        write_file(top + "/in/text", "", 0644);
        REQUIRE(::symlink("/nonexistent", (top + "/nothing").c_str()) == 0);
        std::filesystem::create_directories(top + "/theirs");
        REQUIRE(::chown((top + "/theirs").c_str(), 64001, 0) == 0);
        std::filesystem::create_directories(top + "/all");
        REQUIRE(::chmod((top + "/all").c_str(), 01777) == 0);
        const auto filled = [&](std::string text) {
            for (std::size_t at; (at = text.find('%')) != text.npos;) text.replace(at, 1, top);
            return text;
        };
        setup.environment["PATH"] = filled(path) + ":" + top + "/last";
        for (const bool change : {false, true}) {
            if (change) {
                setup.change = "program";
                setup.check.erase(setup.check.end() - 2);
            } else {
                setup.check.insert(setup.check.end() - 1, "program");
            }
            const auto outcome = setup.run();
            CAPTURE(outcome.out);
            CHECK(has(outcome.out, "last/program: runs for the "));
            if (says.empty())
                CHECK_FALSE(has(outcome.out, "PATH: "));
            else
                CHECK(has(outcome.out, "error    PATH: " + filled(says)));
        }
    };
    check("%/in:/nonexistent/bin:relative", "");
    check("%/theirs", "%/theirs belongs to uid 64001, who could put another file in the place of "
                      "%/theirs/program: chown root %/theirs, or take %/theirs out\n");
    check("%/in:%/theirs/none/below",
          "%/theirs belongs to uid 64001, who could put another file in the place of "
          "%/theirs/none: chown root %/theirs, or take %/theirs/none/below out\n");
    check("%/all", "%/all can be written by everybody, who could put another file in the place of "
                   "%/all/program: keep the file in a directory of its own, or take %/all out\n");
    check("%/nothing",
          "a symbolic link below % leads to nothing: remove it, or take %/nothing out\n");
    check("%/in/text", "enter %/in/text: Not a directory: take %/in/text out\n");
    Setup found_first;
    found_first.environment["PATH"] = "/usr/bin:/bin:/tmp";
    found_first.check.insert(found_first.check.end() - 1, "cat");
    CHECK_FALSE(has(found_first.run().out, "PATH: "));
}

TEST_CASE("the program after a change is looked at like the others") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    const auto program = setup.directory.file("after");
    write_file(program, "#!/bin/sh\n", 0755);
    setup.environment["POPPASS_AFTER"] = program + " word";
    auto outcome = setup.run();
    check_good(outcome);
    CHECK(has(outcome.out, "ok       " + program +
                               ": runs for the work after a change\n"
                               "ok       " +
                               program + ": can be executed; not looked into\n"));
    REQUIRE(::chown(program.c_str(), 64001, 0) == 0);
    outcome = setup.run();
    CHECK(outcome.status == 2);
    CHECK(has(outcome.out, "error    " + program + ": " + program +
                               " belongs to uid 64001, who could use the account of the network "
                               "side: chown root " +
                               program + "\n"));
}

TEST_CASE("the program that env runs for a script") {
    if (missing(::geteuid() == 0, "root")) return;
    const auto check = [](const std::string& line, const std::string& says,
                          const std::string& path = "/usr/bin:/bin") {
        CAPTURE(line);
        Setup setup;
        const auto script = setup.directory.file("script");
        write_file(script, "#!" + line + "\n", 0755);
        const auto prog = setup.directory.file("prog");
        std::filesystem::copy_file("/bin/false", prog);
        REQUIRE(::chown(prog.c_str(), 64001, 0) == 0);
        setup.environment["PATH"] = path + ":" + setup.directory.path();
        setup.check.insert(setup.check.end() - 1, script);
        const auto outcome = setup.run();
        CAPTURE(outcome.out);
        CHECK(outcome.status == 2);
        CHECK(has(outcome.out, says));
    };
    const std::string theirs = "/prog belongs to uid 64001, who would learn every password";
    for (const std::string line : {"/usr/bin/env prog", "/usr/bin/env -S prog -x",
                                   "/usr/bin/env\t-Sprog", "/usr/bin/env -S A=b C= prog"})
        check(line, theirs);
    const std::string untold = "/usr/bin/env: cannot be told what it runs for this script: write "
                               "the path of that program after #!\n";
    for (const std::string line :
         {"/usr/bin/env", "/usr/bin/env prog -x", "/usr/bin/env A=b prog",
          "/usr/bin/env -S -i prog", "/usr/bin/env -iS prog", "/usr/bin/env -S \"prog\"",
          "/usr/bin/env -S ${PROG}", "/usr/bin/env -S A=b", "/usr/bin/env --split-string=prog"})
        check(line, untold);
    for (const std::string path : {".:/bin", ":/bin", "/bin:", "/bin:x", "/bin::/usr/bin"})
        check("/usr/bin/env sh",
              "error    PATH: has an entry that begins without a slash, where "
              "env looks for `sh' too: remove it\n",
              path);
    check("sh", "error    sh: is looked for in whatever directory the script is started in: write "
                "its path after #!\n");
}

TEST_CASE("Debian's group staff in /usr/local is a warning, and the links there are looked into") {
    if (missing(::geteuid() == 0 && can_mount(), "root that can mount")) return;
    Setup setup;
    const std::string bin = "/usr/local/sbin";
    const auto outcome_of = [&](gid_t group, mode_t mode) {
        const auto told = setup.directory.file("told");
        const int status = in_child([&] {
            if (!own_mounts() || ::mount("none", "/usr/local", "tmpfs", 0, "mode=755") != 0)
                return 100;
            std::filesystem::create_directory(bin);
            for (const char* const name : {"poppass", "poppass-check", "checkpw", "setpw"})
                std::filesystem::copy_file(installed(name), bin + "/" + name);
            if (::chown(bin.c_str(), 0, group) != 0 || ::chmod(bin.c_str(), mode) != 0) return 101;
            const auto outcome =
                test::run({.argv = {bin + "/poppass", "--check", "mail.example", bin + "/checkpw",
                                    "-f", setup.file, "/bin/false"},
                           .environment = {{"PASSWORD_COMMAND",
                                            bin + "/setpw -f " + setup.file + " /bin/false"},
                                           {"TCPLOCALIP", "127.0.0.1"}}});
            write_file(told, outcome.out);
            return outcome.status;
        });
        return Outcome{.status = status, .out = read_file(told)};
    };
    const auto debian = outcome_of(50, 02775);
    CAPTURE(debian.out);
    CHECK(debian.status == 1);
    const std::string warning =
        "warning  /usr/local/sbin: can be written by the group staff, whose "
        "members could learn every password: chmod g-w /usr/local/sbin, or "
        "keep the group empty\n";
    REQUIRE(has(debian.out, warning));
    CHECK_FALSE(has(debian.out.substr(debian.out.find(warning) + 1), warning));
    CHECK(has(debian.out, setup.file + ": has 1 user"));
    for (const auto& [group, mode] : {std::pair{gid_t{50}, mode_t{0777}}, {gid_t{100}, 02775}}) {
        const auto other = outcome_of(group, mode);
        CHECK(other.status == 2);
        CHECK_FALSE(has(other.out, warning));
        CHECK_FALSE(has(other.out, setup.file + ": has 1 user"));
    }
}

TEST_CASE("a database has no rules of its own") {
    Setup setup;
    setup.change = built("setpw-sqlite") + " -c " + setup.file + " /bin/false";
    CHECK(has(setup.run().out, "setpw-sqlite: takes any new password"));
}

TEST_CASE("JSON: the same findings, every byte safe") {
    Setup setup;
    setup.options = {"--check", "--json"};
    setup.check = {"/none/\"x\\\n\xc3\xa9\xff"};
    const auto outcome = setup.run();
    CHECK(outcome.status == 2);
    CHECK(outcome.out.starts_with("[\n  {\"level\": \"error\", \"subject\": "));
    CHECK(outcome.out.ends_with("}\n]\n"));
    CHECK(has(outcome.out, "/none/\\\"x\\\\\\u000a\xc3\xa9\xef\xbf\xbd"));
}

TEST_CASE("the account poppass, which a machine may lack") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    const bool lacks = ::getpwnam("poppass") == nullptr;
    const std::string warning = "warning  UID: there is no account poppass, so the network side "
                                "runs as uid 65534, as other services may: make that account, or "
                                "set UID and GID\n";
    CHECK_FALSE(has(setup.run().out, warning));
    setup.environment["GID"] = std::nullopt;
    CHECK(has(setup.run().out, warning) == lacks);
    setup.environment["UID"] = std::nullopt;
    CHECK(has(setup.run().out, warning) == lacks);
}

TEST_CASE("a guard says where it keeps its counts") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    const auto directory = guard_of(setup);
    const auto before = read_file(directory + "/state");
    auto outcome = setup.run();
    check_good(outcome);
    CHECK(has(outcome.out, "ok       " + directory + ": has the guard's counts\n"));
    CHECK(read_file(directory + "/state") == before);
    std::filesystem::remove_all(directory);
    outcome = setup.run();
    check_good(outcome);
    CHECK(has(outcome.out, "ok       " + directory + ": the first attempt makes it\n"));
    CHECK(::access(directory.c_str(), F_OK) != 0);
}

TEST_CASE("an empty file is of the format that setpw takes it for") {
    if (missing(::geteuid() == 0, "root")) return;
    const Setup setup;
    write_file(setup.file, "", 0600);
    CHECK(has(setup.run().out, setup.file + ": has 0 users in the format shadow\n"));
}

TEST_CASE("an option may be cut short, as getopt_long allows") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    setup.check = {installed("checkpw"), "--min", "5", "-f", setup.file, "/bin/false"};
    check_good(setup.run());
}

TEST_CASE(
    "only links beside poppass-check are run, of others it is said that they can be executed") {
    if (missing(::geteuid() == 0, "root")) return;
    Setup setup;
    const std::string touched = setup.directory.file("touched");
    write_file(setup.directory.file("checkpw"), "#!/bin/sh\n: >" + touched + "\n", 0755);
    write_file(setup.directory.file("other"), "#!/bin/sh\n: >" + touched + "\n", 0755);
    setup.check[0] = setup.directory.file("checkpw");
    CHECK(has(setup.run().out, setup.file + ": has 1 user"));
    setup.check = {setup.directory.file("other"), "word"};
    CHECK(has(setup.run().out, "other: can be executed; not looked into\n"));
    setup.check = {setup.directory.file("other")};
    CHECK(has(setup.run().out, "other: can be executed; not looked into\n"));
    write_file(setup.directory.file("vchkpw"), "#!/bin/sh\n: >" + touched + "\n", 0755);
    setup.check = {setup.directory.file("vchkpw"), "/bin/true"};
    CHECK(has(setup.run().out, "vchkpw: can be executed; not looked into\n"));
    CHECK(::access(touched.c_str(), F_OK) != 0);
}

// What poppass-check says of a link beside it that is this script.
Outcome check_beside(const std::string& script, std::function<void()> before_exec = {}) {
    const TemporaryDirectory directory;
    for (const char* const name : {"poppass", "poppass-check"})
        std::filesystem::copy_file(built(name), directory.file(name));
    const auto link = directory.file("checkpw");
    write_file(link, "#!/bin/sh\n" + script, 0755);
    return run({.argv = {directory.file("poppass"), "--check", "host", link, "/bin/false"},
                .environment = {{"PASSWORD_COMMAND", "/bin/false"}},
                .before_exec = std::move(before_exec)});
}

TEST_CASE("a link of which no report can be had") {
    if (missing(::geteuid() == 0, "root")) return;
    const std::string what = "error    checkpw: cannot look its set-up over: ";
    auto outcome = check_beside("exit 0\n");
    CHECK(has(outcome.out, what + "it gives no report: install it anew\n"));
    outcome = check_beside(
        "echo 'libx.so: cannot open' >&2; head -c 3000 /dev/zero | tr '\\0' x >&2; exit 127\n");
    CHECK(has(outcome.out, what + "libx.so: cannot open xxx"));
    CHECK(has(outcome.out, "xxx: install it anew\n"));
    CHECK_FALSE(has(outcome.out, std::string(2000, 'x')));
    Setup setup;
    setup.check[0] = setup.directory.file("checkpw-ldap");
    std::filesystem::copy_file("/bin/true", setup.check[0]);
    setup.check = {setup.check[0], "/bin/false"};
    outcome = setup.run();
    CHECK(has(outcome.out, "warning  checkpw-ldap: was not looked into: there is no "));
    CHECK(has(outcome.out, "/checkpw-ldap: install it there\n"));
}

TEST_CASE("an account that is not root's") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    for (const char* const name : {"poppass", "poppass-check"})
        std::filesystem::copy_file(built(name), directory.file(name));
    const auto outcome = run({.argv = {directory.file("poppass"), "--check", "host", "/bin/cat"},
                              .environment = {{"PASSWORD_COMMAND", "/bin/cat"}},
                              .as = nobody});
    CHECK(has(outcome.out, "warning  uid: this is not root: only files of this account can be "
                           "changed: start the service as root to change others\n"));
}

TEST_CASE("a link that prints without end does not fill the memory") {
    if (missing(::geteuid() == 0, "root")) return;
    const auto narrow = [] {
        const rlimit most{64 << 20, 64 << 20};
        if (::setrlimit(RLIMIT_AS, &most) != 0) ::_exit(126);
    };
    for (const std::string to : {"", " >&2"}) {
        CAPTURE(to);
        const auto outcome = check_beside("exec head -c 100000000 /dev/zero" + to + "\n",
                                          hardened ? std::function<void()>{narrow} : nullptr);
        CHECK(outcome.status == 2);
        CHECK(has(outcome.out,
                  "error    checkpw: cannot look its set-up over: it prints more than a "
                  "megabyte: install it anew\n"));
    }
}

TEST_CASE("a link that others could have put there is not executed") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    const std::string bin = directory.file("bin");
    std::filesystem::create_directory(bin);
    for (const char* const name : {"poppass", "poppass-check"})
        std::filesystem::copy_file(built(name), bin + "/" + name);
    const std::string touched = directory.file("touched");
    const std::string link = bin + "/checkpw";
    write_file(link, "#!/bin/sh\n: >" + touched + "\necho '['\necho ']'\n", 0755);
    const auto check = [&] {
        return run({.argv = {bin + "/poppass", "--check", "host", link, "/bin/false"},
                    .environment = {{"PASSWORD_COMMAND", "/bin/false"}}});
    };
    const auto spoil = [&](const char* what) {
        CAPTURE(what);
        CHECK(has(check().out, "error    checkpw: was not looked into: " + bin));
        CHECK(::access(touched.c_str(), F_OK) != 0);
    };
    REQUIRE(::chown(link.c_str(), 65534, 0) == 0);
    spoil("another account's link");
    REQUIRE(::chown(link.c_str(), 0, 0) == 0);
    REQUIRE(::chmod(bin.c_str(), 0777) == 0);
    spoil("a directory that everybody can write");
    REQUIRE(::chmod(bin.c_str(), 0755) == 0);
    CHECK_FALSE(has(check().out, "was not looked into"));
    CHECK(::access(touched.c_str(), F_OK) == 0);
}

TEST_CASE("poppass --check without poppass-check beside it") {
    const TemporaryDirectory directory;
    std::filesystem::copy_file(installed("poppass"), directory.file("poppass"));
    const auto outcome =
        run({.argv = {directory.file("poppass"), "--check", "host", "/bin/false"}});
    CHECK(outcome.status == 2);
    CHECK(has(outcome.err, directory.file("poppass-check") + ": No such file or directory"));
    CHECK(has(outcome.err, "package poppass"));
}
