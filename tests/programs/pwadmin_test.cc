#include "support/at_terminal.hh"
#include "support/users_file.hh"

#include <csignal>
#include <ctime>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;
const std::string ann = "ann:!*:1::::::\n";
const std::string joe = "joe:" + hash + usual_dates;
const std::string zoe = "zoe:" + hash + usual_dates;

// No policy calls these passwords weak.
const std::string strong = "Mumble3ticket.Orchid";

std::string day() { return std::to_string(std::time(nullptr) / 86400); }

struct Users : UsersFile {
    explicit Users(const std::string& content = ann + joe + zoe) : UsersFile(content) {}
};

void check_error(const Outcome& outcome, int status, std::string_view text) {
    CHECK(outcome.status == status);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("pwadmin: "));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK_MESSAGE(outcome.err.find(text) != std::string::npos, outcome.err);
}

// Runs pwadmin at a terminal of its own, with default signals as a shell sets them: this process
// may ignore some.
AtTerminal at_terminal(const Users& users) {
    auto argv = users.call("pwadmin", {"-m", "sha256crypt", "-c", "1000", "joe"}).argv;
    return AtTerminal{[argv]() mutable {
        for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP})
            ::signal(number, SIG_DFL);
        std::vector<char*> pointers;
        for (auto& word : argv) pointers.push_back(word.data());
        pointers.push_back(nullptr);
        ::execv(pointers[0], pointers.data());
        return 127;
    }};
}

} // namespace

TEST_CASE("a password is set, and no other byte changes") {
    const Users users;
    const auto outcome = users.pwadmin({"--stdin", "joe"}, strong + "\n");
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "pwadmin: joe: password changed\n");
    CHECK(outcome.err.empty());
    const auto content = users.content();
    CHECK(content.starts_with(ann + "joe:$5$rounds=1000$"));
    CHECK(content.ends_with(":" + day() + ":0:99999:7:::\n" + zoe));
    CHECK(users.is_password("joe", strong));
    CHECK_FALSE(users.is_password("joe", "old"));

    const auto quiet = users.pwadmin({"-q", "--stdin", "joe"}, "newer");
    CHECK(quiet.status == 0);
    CHECK(quiet.out.empty());
    CHECK(users.is_password("joe", "newer"));
}

TEST_CASE("setting a password takes a lock away") {
    const Users users{"joe:!" + hash + usual_dates};
    CHECK(users.pwadmin({"--stdin", "joe"}, "new\n").status == 0);
    CHECK(users.is_password("joe", "new"));
}

TEST_CASE("a password on standard input is one whole line, or it is refused") {
    const Users users;
    const auto set = [&](const std::string& input) {
        return users.pwadmin({"--stdin", "joe"}, input);
    };
    CHECK(set(" a b \n").status == 0);
    CHECK(users.is_password("joe", " a b "));
    CHECK(set("first\nsecond\n").status == 0);
    CHECK(users.is_password("joe", "first"));
    CHECK(set("no line feed").status == 0);
    CHECK(users.is_password("joe", "no line feed"));
    CHECK(set(std::string(505, 'x') + "\n").status == 0);
    CHECK(users.is_password("joe", std::string(505, 'x')));

    const auto before = users.content();
    check_error(set(""), 3, "there is none");
    check_error(set("\n"), 3, "empty");
    check_error(set(std::string(506, 'x') + "\n"), 3, "too long");
    check_error(set(std::string(513, 'x')), 3, "too long");
    check_error(set(std::string(100'000, 'x')), 3, "too long");
    check_error(set("new\r\n"), 3, "no protocol");
    check_error(set(bytes("ne\0w\n")), 3, "no protocol");
    CHECK(users.content() == before);
}

TEST_CASE("users are added") {
    const Users users;
    const auto outcome = users.pwadmin({"--add", "--stdin", "bob"}, "new\n");
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "pwadmin: bob: added\n");
    CHECK(users.content().starts_with(ann + joe + zoe + "bob:$5$rounds=1000$"));
    CHECK(users.content().ends_with(":" + day() + ":0:99999:7:::\n"));
    CHECK(users.is_password("bob", "new"));

    const auto before = users.content();
    check_error(users.pwadmin({"--add", "--stdin", "joe"}, "new\n"), 3, "already");
    CHECK(users.content() == before);
}

TEST_CASE("impossible names are refused before a password is asked for") {
    const Users users;
    for (const auto& name :
         std::vector<std::string>{"", "#joe", "+joe", "-joe", "j:e", "j|e", "joe\n", "j\te"}) {
        CAPTURE(name);
        check_error(users.pwadmin({"--add", "--", name}, ""), 6, "cannot be a name");
        check_error(users.pwadmin({"--remove", "--", name}, ""), 1, "not in the file");
        check_error(users.pwadmin({"--", name}, ""), 1, "not in the file");
    }
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("users are removed") {
    const Users users;
    const auto outcome = users.pwadmin({"--remove", "joe"});
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "pwadmin: joe: removed\n");
    CHECK(users.content() == ann + zoe);
    check_error(users.pwadmin({"--remove", "joe"}), 1, "not in the file");
    CHECK(users.pwadmin({"--remove", "zoe"}).status == 0);
    CHECK(users.pwadmin({"--remove", "ann"}).status == 0);
    CHECK(users.content().empty());
}

TEST_CASE("a user with a second line, which would count then, is not removed") {
    const std::string locked = "joe:!" + hash + usual_dates;
    for (const auto& content : {locked + joe + zoe, zoe + joe + ann + locked}) {
        const Users users{content};
        check_error(users.pwadmin({"--remove", "joe"}), 3, "more than one line");
        CHECK(users.content() == content);
        CHECK(users.pwadmin({"--remove", "zoe"}).status == 0);
    }
}

TEST_CASE("a missing file is made by --add alone") {
    const Users users;
    REQUIRE(::unlink(users.path.c_str()) == 0);
    check_error(users.pwadmin({"--stdin", "joe"}, "new\n"), 4, "No such file");
    check_error(users.pwadmin({"--remove", "joe"}), 4, "No such file");
    CHECK(users.pwadmin({"--add", "--stdin", "joe"}, "new\n").status == 0);
    struct stat status {};
    REQUIRE(::stat(users.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(users.is_password("joe", "new"));
    const auto nowhere = users.directory.file("no/users");
    check_error(run({.argv = {built("pwadmin"), "-f", nowhere, "--add", "--stdin", "joe"},
                     .input = "new\n"}),
                4, "directory");
}

TEST_CASE("the formats of files and of new lines") {
    const Users dovecot{"ann:{SHA512-CRYPT}$6$salt$hash:1:2::::\n"};
    CHECK(dovecot.pwadmin({"--add", "--stdin", "joe"}, "new\n").status == 0);
    CHECK(dovecot.content().starts_with("ann:{SHA512-CRYPT}$6$salt$hash:1:2::::\njoe:{CRYPT}$5$"));
    const Users mailserver{"ann@example.org|{SHA512-CRYPT}$6$salt$hash\n"};
    CHECK(mailserver.pwadmin({"--add", "--stdin", "joe@example.org"}, "new\n").status == 0);
    CHECK(mailserver.content().find("\njoe@example.org|{CRYPT}$5$") != std::string::npos);
    const Users empty{""};
    CHECK(empty.pwadmin({"-F", "passwd-file", "--add", "--stdin", "joe"}, "new\n").status == 0);
    CHECK(empty.content().starts_with("joe:{CRYPT}$5$"));
}

TEST_CASE("why a user cannot be changed is said") {
    const Users users{"joe:{NTLM}0123456789abcdef\nbob:" + hash + "\n"};
    const auto before = users.content();
    check_error(users.pwadmin({"--stdin", "joe"}, strong), 3, "NTLM is not known");
    check_error(users.pwadmin({"--stdin", "nobody"}, "new\n"), 1, "not in the file");
    const Users broken{joe + "bob:x:a::::::\n"};
    check_error(broken.pwadmin({"--stdin", "bob"}, "new\n"), 3, "malformed");
    check_error(broken.pwadmin({"--add", "--stdin", "bob"}, "new\n"), 3, "already");
    CHECK(broken.pwadmin({"--remove", "bob"}).status == 0);
    CHECK(broken.content() == joe);
    CHECK(users.content() == before);
    const auto cut = run(
        {.argv = {built("pwadmin"), "-f", users.path, "-m", "bcrypt", "-c", "4", "--stdin", "bob"},
         .input = std::string(73, 'x')});
    CHECK(cut.status == 3);
    CHECK(cut.err.ends_with("pwadmin: your new password is longer than 72 bytes\n"));
    CHECK(users.content() == before);
}

TEST_CASE("exit values are passwd's, for usage too") {
    const Users users;
    const auto status = [&](const std::vector<std::string>& more) {
        return users.pwadmin(more, "new\n").status;
    };
    CHECK(status({"-x", "joe"}) == 6);
    CHECK(status({"--nonsense"}) == 6);
    CHECK(status({"-x"}) == 6);
    CHECK(status({"--add", "--stdin"}) == 2);
    CHECK(status({"--remove"}) == 2);
    CHECK(status({"--generate"}) == 2);
    CHECK(status({"joe", "ann"}) == 2);
    CHECK(status({"--add", "--remove", "joe"}) == 2);
    CHECK(status({"--remove", "--stdin", "joe"}) == 2);
    CHECK(status({"-F", "nis", "joe"}) == 6);
    CHECK(status({"-m", "rot13", "joe"}) == 6);
    CHECK(status({"-c", "1", "joe"}) == 6);
    CHECK(status({"-c", "x", "joe"}) == 6);
    CHECK(status({"--help"}) == 0);
    CHECK(status({"--version"}) == 0);
    CHECK(users.content() == ann + joe + zoe);
    if (missing(::geteuid() == 0, "root")) return;
    auto stranger = users.call("pwadmin", {"--stdin", "joe"});
    stranger.input = "new\n";
    stranger.as = nobody;
    check_error(run(stranger), 1, "Permission denied");
}

TEST_CASE("a locked file is busy") {
    const Users users;
    const Fd lock{::open((users.path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    struct flock whole {};
    whole.l_type = F_WRLCK;
    REQUIRE(::fcntl(lock.get(), F_OFD_SETLK, &whole) == 0);
    check_error(users.pwadmin({"--remove", "joe"}), 5, "Resource temporarily unavailable");
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("without a name it changes the caller's own password") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users{"root:" + hash + usual_dates};
    CHECK(users.pwadmin({"--stdin"}, "new\n").status == 0);
    CHECK(users.is_password("root", "new"));
}

TEST_CASE("with the set-user-ID bit it does not run") {
    if (missing(::geteuid() == 0, "root")) return;
#ifdef POPPASS_SANITIZED
    if (missing(false, "a build that is not sanitized")) return; // its messages differ
#endif
    const Users users;
    struct statvfs mount {};
    REQUIRE(::statvfs(users.path.c_str(), &mount) == 0);
    if (missing((mount.f_flag & ST_NOSUID) == 0, "set-user-ID files in /tmp")) return;
    const auto copy = users.directory.file("pwadmin");
    write_file(copy, read_file(built("pwadmin")), 0755);
    REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(copy.c_str(), 04755) == 0);
    Program program{.argv = {copy, "-f", users.path, "--remove", "joe"}, .as = nobody};
    check_error(run(program), 1, "set-user-ID");
    REQUIRE(::chmod(copy.c_str(), 02755) == 0);
    check_error(run(program), 1, "set-user-ID");
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("at a terminal it asks twice, without echo") {
    const Users users;
    auto pwadmin = at_terminal(users);
    REQUIRE(pwadmin.shows("New password: "));
    CHECK(pwadmin.echoes(false));
    pwadmin.type(strong + "\n");
    REQUIRE(pwadmin.shows("New password again: "));
    CHECK(pwadmin.echoes(false));
    pwadmin.type(strong + "\n");
    CHECK(pwadmin.shows("password changed"));
    CHECK(pwadmin.echoes(true));
    CHECK(pwadmin.wait() == 0);
    CHECK(pwadmin.shown().find("Mumble") == std::string::npos);
    CHECK(users.is_password("joe", strong));
}

TEST_CASE("at a terminal: after two that differ, or none, it asks again, five times") {
    const Users users;
    auto pwadmin = at_terminal(users);
    for (int i = 0; i < 5; ++i) {
        REQUIRE(pwadmin.shows("New password: "));
        CHECK(pwadmin.echoes(false));
        if (i == 1) {
            pwadmin.type("\n");
            REQUIRE(pwadmin.shows("empty; try again"));
        } else {
            pwadmin.type(strong + "\n");
            REQUIRE(pwadmin.shows("again: "));
            pwadmin.type(strong + "2\n");
            REQUIRE(pwadmin.shows("differ"));
        }
    }
    CHECK(pwadmin.shows("too many tries; the password is unchanged"));
    CHECK(pwadmin.echoes(true));
    CHECK(pwadmin.wait() == 1);
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("at a terminal: no line, or one too long, ends it") {
    const Users users;
    for (const auto& [keys, text] : std::map<std::string, std::string>{
             {"\x04", "there is none"}, {std::string(600, 'x') + "\n", "too long"}}) {
        CAPTURE(text);
        auto pwadmin = at_terminal(users);
        REQUIRE(pwadmin.shows("New password: "));
        pwadmin.type(keys);
        CHECK(pwadmin.shows(text));
        CHECK(pwadmin.echoes(true));
        CHECK(pwadmin.wait() == 3);
    }
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("at a terminal: a weak password is a warning, and has to be typed once more") {
    const Users users;
    auto pwadmin = at_terminal(users);
    REQUIRE(pwadmin.shows("New password: "));
    pwadmin.type("weak\n");
    REQUIRE(pwadmin.shows("Weak password: "));
    REQUIRE(pwadmin.shows("New password: "));
    pwadmin.type("poor\n");
    REQUIRE(pwadmin.shows("type it again to use it anyway"));
    REQUIRE(pwadmin.shows("New password: "));
    pwadmin.type("poor\n");
    REQUIRE(pwadmin.shows("New password again: "));
    pwadmin.type("poor\n");
    CHECK(pwadmin.wait() == 0);
    CHECK(users.is_password("joe", "poor"));
}

TEST_CASE("at a terminal: signals end it with echo back on") {
    const Users users;
    const struct {
        std::string keys; // what the test types; empty: it sends a signal
        int sent;         // the signal
        int end;
    } cases[] = {{"\x03", 0, SIGINT},
                 {"\x1c", 0, SIGQUIT},
                 {"", SIGTERM, SIGTERM},
                 {"", SIGHUP, SIGHUP},
                 {"abc\x03", 0, SIGINT}};
    for (const auto& [keys, sent, end] : cases) {
        auto pwadmin = at_terminal(users);
        REQUIRE(pwadmin.shows("New password: "));
        if (sent != 0) ::kill(pwadmin.pid(), sent);
        pwadmin.type(keys);
        CHECK(pwadmin.wait() == -end);
        CHECK(pwadmin.echoes(true));
    }
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("at a terminal: after ^Z it asks again") {
    const Users users;
    auto pwadmin = at_terminal(users);
    REQUIRE(pwadmin.shows("New password: "));
    pwadmin.type("half a pass");
    // Without a shell to wake it up, the kernel does not stop it. Everything else is the same.
    ::kill(pwadmin.pid(), SIGTSTP);
    REQUIRE(pwadmin.shows("New password: "));
    CHECK(pwadmin.echoes(false));
    pwadmin.type(strong + "\n");
    REQUIRE(pwadmin.shows("again: "));
    pwadmin.type(strong + "\n");
    CHECK(pwadmin.wait() == 0);
    CHECK(users.is_password("joe", strong));
}

TEST_CASE("a name in the file cannot control the terminal") {
    const UsersFile users{"a\x9bJ:*:1::::::\nb\xc2\x9bJ:*:1::::::\nj\xc3\xb6rg:*:1::::::\n"};
    const auto all = users.pwadmin({"-S", "-a"});
    CHECK(all.status == 0);
    CHECK(all.out == "a\\x9bJ L 1970-01-02 -1 -1 -1 -1\nb\\x9bJ L 1970-01-02 -1 -1 -1 -1\n"
                     "j\xc3\xb6rg L 1970-01-02 -1 -1 -1 -1\n");
    CHECK(users.pwadmin({"-S", "a\x9bJ"}).out == "a\\x9bJ L 1970-01-02 -1 -1 -1 -1\n");
    CHECK(users.pwadmin({"-l", "a\x9bJ"}).out ==
          "pwadmin: a\\x9bJ: password information changed\n");
}
