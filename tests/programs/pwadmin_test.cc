#include "support/at_terminal.hh"
#include "support/program.hh"

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

// sha256crypt with 1000 rounds, of the password "old".
const std::string hash = "$5$rounds=1000$abcdefgh$fOPT.9teUsa3z4HoDw8OvV48/qQiDGBxPmuWb2oL6aA";
const std::string ann = "ann:!*:1::::::\n";
const std::string joe = "joe:" + hash + ":19000:0:99999:7:::\n";
const std::string zoe = "zoe:" + hash + ":19000:0:99999:7:::\n";

// That no policy calls weak.
const std::string strong = "Mumble3ticket.Orchid";

std::string day() { return std::to_string(std::time(nullptr) / 86400); }

struct Users {
    TemporaryDirectory directory;
    std::string path = directory.file("users");

    explicit Users(const std::string& content = ann + joe + zoe) { write_file(path, content); }
    std::string content() const { return read_file(path); }
};

std::vector<std::string> words(const std::string& path, std::vector<std::string> more) {
    more.insert(more.begin(), {built("pwadmin"), "-f", path, "-m", "sha256crypt", "-c", "1000"});
    return more;
}

Outcome pwadmin(const std::string& path, const std::vector<std::string>& more,
                const std::string& input = "") {
    return run({.argv = words(path, more),
                .environment = {{"POPPASS_FILE", std::nullopt}},
                .input = input});
}

void check_error(const Outcome& outcome, int status, std::string_view text) {
    CHECK(outcome.status == status);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("pwadmin: "));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK_MESSAGE(outcome.err.find(text) != std::string::npos, outcome.err);
}

bool is_password(const std::string& path, const std::string& login, const std::string& password) {
    const auto outcome = run({.argv = {built("checkpw"), "-f", path},
                              .record = login + '\0' + password + bytes("\0\0\0")});
    REQUIRE(outcome.err.empty());
    return outcome.status == 0;
}

// pwadmin at a terminal of its own, with the signals of a shell's children: ours may ignore some.
AtTerminal at_terminal(const std::string& path) {
    return AtTerminal{[argv = words(path, {"joe"})]() mutable {
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
    const auto outcome = pwadmin(users.path, {"--stdin", "joe"}, strong + "\n");
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "pwadmin: joe: password changed\n");
    CHECK(outcome.err.empty());
    const auto content = users.content();
    CHECK(content.starts_with(ann + "joe:$5$rounds=1000$"));
    CHECK(content.ends_with(":" + day() + ":0:99999:7:::\n" + zoe));
    CHECK(is_password(users.path, "joe", strong));
    CHECK_FALSE(is_password(users.path, "joe", "old"));

    const auto quiet = pwadmin(users.path, {"-q", "--stdin", "joe"}, "newer");
    CHECK(quiet.status == 0);
    CHECK(quiet.out.empty());
    CHECK(is_password(users.path, "joe", "newer"));
}

TEST_CASE("setting a password takes a lock away") {
    const Users users{"joe:!" + hash + ":19000:0:99999:7:::\n"};
    CHECK(pwadmin(users.path, {"--stdin", "joe"}, "new\n").status == 0);
    CHECK(is_password(users.path, "joe", "new"));
}

TEST_CASE("passwords on standard input: one line, whole, or none") {
    const Users users;
    const auto set = [&](const std::string& input) {
        return pwadmin(users.path, {"--stdin", "joe"}, input);
    };
    CHECK(set(" a b \n").status == 0);
    CHECK(is_password(users.path, "joe", " a b "));
    CHECK(set("first\nsecond\n").status == 0);
    CHECK(is_password(users.path, "joe", "first"));
    CHECK(set("no line feed").status == 0);
    CHECK(is_password(users.path, "joe", "no line feed"));
    CHECK(set(std::string(505, 'x') + "\n").status == 0);
    CHECK(is_password(users.path, "joe", std::string(505, 'x')));

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
    const auto outcome = pwadmin(users.path, {"--add", "--stdin", "bob"}, "new\n");
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "pwadmin: bob: added\n");
    CHECK(users.content().starts_with(ann + joe + zoe + "bob:$5$rounds=1000$"));
    CHECK(users.content().ends_with(":" + day() + ":0:99999:7:::\n"));
    CHECK(is_password(users.path, "bob", "new"));

    const auto before = users.content();
    check_error(pwadmin(users.path, {"--add", "--stdin", "joe"}, "new\n"), 3, "already");
    CHECK(users.content() == before);
}

TEST_CASE("names that cannot be are refused before a password is asked for") {
    const Users users;
    for (const auto& name :
         std::vector<std::string>{"", "#joe", "+joe", "-joe", "j:e", "j|e", "joe\n", "j\te"}) {
        CAPTURE(name);
        check_error(pwadmin(users.path, {"--add", "--", name}, ""), 6, "cannot be a name");
        check_error(pwadmin(users.path, {"--remove", "--", name}, ""), 1, "not in the file");
        check_error(pwadmin(users.path, {"--", name}, ""), 1, "not in the file");
    }
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("users are removed") {
    const Users users;
    const auto outcome = pwadmin(users.path, {"--remove", "joe"});
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "pwadmin: joe: removed\n");
    CHECK(users.content() == ann + zoe);
    check_error(pwadmin(users.path, {"--remove", "joe"}), 1, "not in the file");
    CHECK(pwadmin(users.path, {"--remove", "zoe"}).status == 0);
    CHECK(pwadmin(users.path, {"--remove", "ann"}).status == 0);
    CHECK(users.content().empty());
}

TEST_CASE("who has another line, which would count then, is not removed") {
    const std::string locked = "joe:!" + hash + ":19000:0:99999:7:::\n";
    for (const auto& content : {locked + joe + zoe, zoe + joe + ann + locked}) {
        const Users users{content};
        check_error(pwadmin(users.path, {"--remove", "joe"}), 3, "more than one line");
        CHECK(users.content() == content);
        CHECK(pwadmin(users.path, {"--remove", "zoe"}).status == 0);
    }
}

TEST_CASE("a missing file is made by --add alone") {
    TemporaryDirectory directory;
    const auto path = directory.file("users");
    check_error(pwadmin(path, {"--stdin", "joe"}, "new\n"), 4, "No such file");
    check_error(pwadmin(path, {"--remove", "joe"}), 4, "No such file");
    CHECK(pwadmin(path, {"--add", "--stdin", "joe"}, "new\n").status == 0);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(is_password(path, "joe", "new"));
    check_error(pwadmin(directory.file("no/users"), {"--add", "--stdin", "joe"}, "new\n"), 4,
                "directory");
}

TEST_CASE("the formats of files and of new lines") {
    const Users dovecot{"ann:{SHA512-CRYPT}$6$salt$hash:1:2::::\n"};
    CHECK(pwadmin(dovecot.path, {"--add", "--stdin", "joe"}, "new\n").status == 0);
    CHECK(dovecot.content().starts_with("ann:{SHA512-CRYPT}$6$salt$hash:1:2::::\njoe:{CRYPT}$5$"));
    const Users mailserver{"ann@example.org|{SHA512-CRYPT}$6$salt$hash\n"};
    CHECK(pwadmin(mailserver.path, {"--add", "--stdin", "joe@example.org"}, "new\n").status == 0);
    CHECK(mailserver.content().find("\njoe@example.org|{CRYPT}$5$") != std::string::npos);
    const Users empty{""};
    CHECK(pwadmin(empty.path, {"-F", "passwd-file", "--add", "--stdin", "joe"}, "new\n").status ==
          0);
    CHECK(empty.content().starts_with("joe:{CRYPT}$5$"));
}

TEST_CASE("what cannot be changed is said") {
    const Users users{"joe:{SSHA}0123456789abcdef\nbob:" + hash + "\n"};
    const auto before = users.content();
    check_error(pwadmin(users.path, {"--stdin", "joe"}, strong), 3, "{SSHA}");
    check_error(pwadmin(users.path, {"--stdin", "nobody"}, "new\n"), 1, "not in the file");
    const Users broken{joe + "bob:x:a::::::\n"};
    check_error(pwadmin(broken.path, {"--stdin", "bob"}, "new\n"), 3, "malformed");
    check_error(pwadmin(broken.path, {"--add", "--stdin", "bob"}, "new\n"), 3, "already");
    CHECK(pwadmin(broken.path, {"--remove", "bob"}).status == 0);
    CHECK(broken.content() == joe);
    CHECK(users.content() == before);
    const auto cut = run({.argv = {built("pwadmin"), "-f", users.path, "-m", "bcrypt", "-c", "4",
                                   "--stdin", "bob"},
                          .input = std::string(73, 'x')});
    CHECK(cut.status == 3);
    CHECK(cut.err.ends_with("pwadmin: your new password is longer than 72 bytes\n"));
    CHECK(users.content() == before);
}

TEST_CASE("exit values are passwd's, for usage too") {
    const Users users;
    const auto status = [&](const std::vector<std::string>& more) {
        return pwadmin(users.path, more, "new\n").status;
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
    auto stranger = Program{.argv = words(users.path, {"--stdin", "joe"}), .input = "new\n"};
    stranger.as = nobody;
    check_error(run(stranger), 1, "Permission denied");
}

TEST_CASE("a locked file is busy") {
    const Users users;
    const Fd lock{::open((users.path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    struct flock whole {};
    whole.l_type = F_WRLCK;
    REQUIRE(::fcntl(lock.get(), F_OFD_SETLK, &whole) == 0);
    check_error(pwadmin(users.path, {"--remove", "joe"}), 5, "Resource temporarily unavailable");
    CHECK(users.content() == ann + joe + zoe);
}

TEST_CASE("without a name it is the caller's own password") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users{"root:" + hash + ":19000:0:99999:7:::\n"};
    CHECK(pwadmin(users.path, {"--stdin"}, "new\n").status == 0);
    CHECK(is_password(users.path, "root", "new"));
}

TEST_CASE("set-user-ID it does not run") {
    if (missing(::geteuid() == 0, "root")) return;
#ifdef POPPASS_SANITIZED
    if (missing(false, "a build that is not sanitized")) return; // it has words of its own
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
    auto pwadmin = at_terminal(users.path);
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
    CHECK(is_password(users.path, "joe", strong));
}

TEST_CASE("at a terminal: two that differ, or none, and it asks again, five times") {
    const Users users;
    auto pwadmin = at_terminal(users.path);
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
        auto pwadmin = at_terminal(users.path);
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
    auto pwadmin = at_terminal(users.path);
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
    CHECK(is_password(users.path, "joe", "poor"));
}

TEST_CASE("at a terminal: signals end it with echo back on") {
    const Users users;
    const struct {
        std::string keys; // what is typed, or
        int sent;         // the signal
        int end;
    } cases[] = {{"\x03", 0, SIGINT},
                 {"\x1c", 0, SIGQUIT},
                 {"", SIGTERM, SIGTERM},
                 {"", SIGHUP, SIGHUP},
                 {"abc\x03", 0, SIGINT}};
    for (const auto& [keys, sent, end] : cases) {
        auto pwadmin = at_terminal(users.path);
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
    auto pwadmin = at_terminal(users.path);
    REQUIRE(pwadmin.shows("New password: "));
    pwadmin.type("half a pass");
    // Without a shell to wake it up, the kernel does not let it sleep; all else is the same.
    ::kill(pwadmin.pid(), SIGTSTP);
    REQUIRE(pwadmin.shows("New password: "));
    CHECK(pwadmin.echoes(false));
    pwadmin.type(strong + "\n");
    REQUIRE(pwadmin.shows("again: "));
    pwadmin.type(strong + "\n");
    CHECK(pwadmin.wait() == 0);
    CHECK(is_password(users.path, "joe", strong));
}
