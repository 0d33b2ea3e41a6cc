// pwadmin's options that passwd(1) has, and its own, on files of both formats.
#include "support/users_file.hh"

#include <ctime>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

const std::string& hash = hash_of_old;
const std::string ann = "# a comment\n\nann:!*:1::::::\n";
const std::string joe = "joe:" + hash + usual_dates;
const std::string zoe = "zoe:" + hash + usual_dates;
// No policy calls these passwords weak.
const std::string strong = "Mumble3ticket.Orchid";

std::string day(int later = 0) { return std::to_string(std::time(nullptr) / 86400 + later); }

struct Users : UsersFile {
    explicit Users(const std::string& content = ann + joe + zoe) : UsersFile(content) {}

    void refuses(const Words& words, int status, std::string_view text) const {
        std::string line;
        for (const auto& word : words) line += word + " ";
        CAPTURE(line);
        const auto outcome = pwadmin(words, strong);
        CHECK(outcome.status == status);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("pwadmin: "));
        CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
        CHECK_MESSAGE(outcome.err.find(text) != std::string::npos, outcome.err);
        CHECK(content() == before);
    }
};

std::string one_line(const Users& users, const std::string& login) {
    const auto text = "\n" + users.content();
    const auto at = text.find("\n" + login + ":") + 1;
    return text.substr(at, text.find('\n', at) - at);
}

} // namespace

TEST_CASE("deleting, unlocking, locking: in this order, and one exclamation mark each") {
    const struct {
        Words options;
        std::string before;
        std::string after;
    } cases[] = {
        {{"-l"}, "HASH", "!HASH"},
        {{"--lock"}, "!HASH", "!HASH"},
        {{"-l"}, "*", "!*"},
        {{"-l"}, "", "!"},
        {{"-u"}, "!HASH", "HASH"},
        {{"--unlock"}, "!!HASH", "!HASH"},
        {{"-u"}, "!!", "!"},
        {{"-u"}, "HASH", "HASH"},
        {{"-u"}, "", ""},
        {{"-d"}, "HASH", ""},
        {{"--delete"}, "!HASH", ""},
        {{"-l", "-u"}, "HASH", "!HASH"},
        {{"-u", "-l"}, "!HASH", "!HASH"},
        {{"-ld"}, "HASH", "!"},
        {{"-dul"}, "!", "!"},
    };
    const auto filled = [](std::string text) {
        if (const auto at = text.find("HASH"); at != text.npos) text.replace(at, 4, hash);
        return text;
    };
    for (const auto& [options, before, after] : cases)
        for (const auto& [front, end] : {std::pair{"joe:", ":19000:0:99999:7:::"},
                                         std::pair{"joe:{SHA256-CRYPT}", ":1:2::/home::x=y"},
                                         std::pair{"joe|{CRYPT}", "|quota=1"}}) {
            CAPTURE(options[0]);
            CAPTURE(front);
            CAPTURE(before);
            const Users users{front + filled(before) + end + "\n"};
            auto words = options;
            words.emplace_back("joe");
            const auto outcome = users.pwadmin(words);
            CHECK(outcome.status == 0);
            CHECK(outcome.out == "pwadmin: joe: password information changed\n");
            CHECK(outcome.err.empty());
            CHECK(users.content() == front + filled(after) + end + "\n");
        }
}

TEST_CASE("a locked user comes in again with the old password, and not before") {
    const Users users;
    CHECK(users.is_password("joe", "old"));
    CHECK(users.pwadmin({"-l", "joe"}).status == 0);
    CHECK_FALSE(users.is_password("joe", "old"));
    CHECK(users.pwadmin({"-u", "joe"}).status == 0);
    CHECK(users.is_password("joe", "old"));
    CHECK(users.content() == users.before);
    CHECK(users.pwadmin({"-d", "joe"}).status == 0);
    CHECK_FALSE(users.is_password("joe", ""));
    CHECK_FALSE(users.is_password("joe", "old"));
}

TEST_CASE("unlocking an account without a password is refused") {
    Users{"joe:!:19000::::::\n"}.refuses({"-u", "joe"}, 3, "no password");
    Users{"joe:!:19000::::::\n"}.refuses({"-u", "-x", "5", "joe"}, 3, "no password");
    Users{"joe:{CRYPT}!:1:1::/::\n"}.refuses({"-u", "joe"}, 3, "no password");
}

TEST_CASE("dates, all in one change") {
    const Users users{"joe:x:19000:::::30000:5\n" + zoe};
    CHECK(users.pwadmin({"-q", "-n", "1", "-x", "90", "-w", "14", "-i", "30", "joe"}).status == 0);
    CHECK(users.content() == "joe:x:19000:1:90:14:30:30000:5\n" + zoe);
    CHECK(users.pwadmin({"-e", "joe"}).status == 0);
    CHECK(users.content() == "joe:x:0:1:90:14:30:30000:5\n" + zoe);
    CHECK(users.pwadmin({"-n", "-1", "--maxdays", "-1", "--warndays=-1", "-i-1", "joe"}).status ==
          0);
    CHECK(users.content() == "joe:x:0:::::30000:5\n" + zoe);
    CHECK(users.pwadmin({"-lex", "0", "--mindays", "999999999999999999", "--inactive", "7", "joe"})
              .status == 0);
    CHECK(users.content() == "joe:!x:0:999999999999999999:0::7:30000:5\n" + zoe);
}

TEST_CASE("malformed numbers and unknown options: status 6") {
    const Users users;
    for (const std::string option : {"-i", "-n", "-w", "-x"}) {
        for (const std::string value : {"", "x", "-2", "5x", "1.5", "010", "0x10", " 5", "--5",
                                        "1000000000000000000", "99999999999999999999"})
            users.refuses({option, value, "joe"}, 6, option);
        users.refuses({"joe", option}, 6, "no value");
    }
    users.refuses({"-Z", "joe"}, 6, "no such option");
    users.refuses({"--nonsense", "joe"}, 6, "no such option");
    users.refuses({"-r", "nis", "-S", "joe"}, 6, "nis");
    // The option that comes first decides.
    users.refuses({"-x", "z", "-h"}, 6, "-x");
    CHECK(users.pwadmin({"-h", "-x", "z"}).out.starts_with("usage: pwadmin "));
    CHECK(users.pwadmin({"-V"}).out.starts_with("pwadmin "));
}

TEST_CASE("options that do not go together: status 2") {
    const Users users;
    const Words together[] = {
        {"-a"},
        {"-a", "joe"},
        {"-S", "-a", "joe"},
        {"-a", "-S", "-l"},
        {"-a", "-S", "--stdin"},
        {"-S", "-k", "joe"},
        {"-S", "-l", "joe"},
        {"-S", "-x", "1", "joe"},
        {"-k", "-l", "joe"},
        {"-S", "--generate", "joe"},
        {"-S", "--add", "joe"},
        {"-S", "--remove", "joe"},
        {"-k", "-e", "joe"},
        {"joe", "zoe"},
        {"-S", "joe", "zoe"},
        {"-l"},
        {"-e", "-x", "5"},
        {"--add"},
        {"--remove"},
        {"--generate"},
        {"--add", "--remove", "bob"},
        {"--remove", "-l", "joe"},
        {"--remove", "--stdin", "joe"},
        {"--remove", "-k", "joe"},
        {"--stdin", "--generate", "joe"},
        {"--stdin", "-d", "joe"},
        {"--add", "-u", "bob"},
        {"--add", "-k", "bob"},
        {"--generate", "-d", "joe"},
    };
    for (const auto& words : together) users.refuses(words, 2, "usage: pwadmin");
}

TEST_CASE("an unknown user: status 1") {
    const Users users;
    for (const Words& words : {Words{"-l", "bob"},
                               {"-S", "bob"},
                               {"-e", "bob"},
                               {"-k", "bob"},
                               {"--stdin", "bob"},
                               {"--generate", "bob"},
                               {"--remove", "bob"},
                               {"-l", "#joe"},
                               {"-l", ""}})
        users.refuses(words, 1, "not in the file");
}

TEST_CASE("a passwd-file has no dates, and says so") {
    const Users users{"joe:{CRYPT}" + hash + ":1:2::/home::\n"};
    for (const Words& words : {Words{"-e", "joe"},
                               {"-x", "5", "joe"},
                               {"-n", "5", "joe"},
                               {"-w", "5", "joe"},
                               {"-i", "5", "joe"},
                               {"-l", "-e", "joe"},
                               {"-k", "joe"},
                               {"--stdin", "-e", "joe"},
                               {"--add", "-e", "bob"}})
        users.refuses(words, 2, "a passwd-file has no dates");
}

TEST_CASE("the status of one") {
    const struct {
        std::string line;
        std::string status;
    } cases[] = {
        {"joe:" + hash + ":19000:0:99999:7:::", "P 2022-01-08 0 99999 7 -1"},
        {"joe:!" + hash + ":19000:1:90:14:30:20000:", "L 2022-01-08 1 90 14 30"},
        {"joe:*:0::::::", "L 1970-01-01 -1 -1 -1 -1"},
        {"joe::::::::", "NP never -1 -1 -1 -1"},
        {"joe:x:-1:-1:-1::::", "P never -1 -1 -1 -1"},
        {"joe:x:24855::::::", "P 2038-01-19 -1 -1 -1 -1"}, // the last day of 32-bit times
        {"joe:x:24856::::::", "P 2038-01-20 -1 -1 -1 -1"},
        {"joe:x:2932896::::::", "P 9999-12-31 -1 -1 -1 -1"},
        {"joe:x:2932897::::::", "P future -1 -1 -1 -1"},
        {"joe:{SHA512-CRYPT}$6$x:1:2::/home::", "P never -1 -1 -1 -1"},
        {"joe:{CRYPT}!$6$x:1:2::/home::", "L never -1 -1 -1 -1"},
        {"joe|{CRYPT}", "NP never -1 -1 -1 -1"},
    };
    for (const auto& [line, status] : cases) {
        const Users users{line + "\n"};
        for (const Words& words : {Words{"-S", "joe"}, {"-Sq", "joe"}, {"joe", "--status"}}) {
            const auto outcome = users.pwadmin(words);
            CHECK(outcome.status == 0);
            CHECK(outcome.out == "joe " + status + "\n");
            CHECK(outcome.err.empty());
        }
        CHECK(users.content() == line + "\n");
    }
    Users{joe + "bob:x:a::::::\n"}.refuses({"-S", "bob"}, 3, "malformed");
}

TEST_CASE("the status of all, in the file's order") {
    const Users users;
    const auto all = users.pwadmin({"-S", "-a"});
    CHECK(all.status == 0);
    CHECK(all.out == "ann L 1970-01-02 -1 -1 -1 -1\njoe P 2022-01-08 0 99999 7 -1\n"
                     "zoe P 2022-01-08 0 99999 7 -1\n");
    CHECK(users.pwadmin({"--all", "--status", "-k", "-q"}).out == all.out);
    CHECK(Users{""}.pwadmin({"-aS"}).out.empty());

    // One bad line does not hide other users.
    const Users broken{joe + "bob:x:a::::::\nsecret\n" + zoe};
    const auto outcome = broken.pwadmin({"-aS"});
    CHECK(outcome.status == 3);
    CHECK(outcome.out == "joe P 2022-01-08 0 99999 7 -1\nzoe P 2022-01-08 0 99999 7 -1\n");
    CHECK(outcome.err == "pwadmin: the line of bob is malformed\npwadmin: a line has no name\n");

    // So many lines that some begin in one block of the file and end in the next one.
    std::string many;
    std::string statuses;
    for (int i = 0; i < 5000; ++i) {
        many += "user" + std::to_string(i) + ":" + hash + usual_dates;
        statuses += "user" + std::to_string(i) + " P 2022-01-08 0 99999 7 -1\n";
    }
    CHECK(Users{many}.pwadmin({"-aS"}).out == statuses);
}

TEST_CASE(
    "-S without a name shows the caller's status; output that cannot be written is an error") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users{"root:x:19000::::::\n"};
    CHECK(users.pwadmin({"-S"}).out == "root P 2022-01-08 -1 -1 -1 -1\n");
    const auto full =
        run({.argv = {"sh", "-c", R"("$0" -f "$1" -S >/dev/full)", built("pwadmin"), users.path}});
    CHECK(full.status == 3);
    CHECK(full.err.find("No space left") != std::string::npos);
}

TEST_CASE("-r: files is the usual file, a path is a file of its own") {
    const Users users;
    const Users other{"bob:x:19000::::::\n"};
    CHECK(users.pwadmin({"-r", "files", "-S", "joe"}).out == "joe P 2022-01-08 0 99999 7 -1\n");
    CHECK(users.pwadmin({"-r", other.path, "-S", "bob"}).out == "bob P 2022-01-08 -1 -1 -1 -1\n");
    CHECK(users.pwadmin({"--repository=" + other.path, "-l", "bob"}).status == 0);
    CHECK(other.content() == "bob:!x:19000::::::\n");
    CHECK(users.content() == users.before);
}

TEST_CASE("several options in one change, with a new password or a new user") {
    const Users users;
    CHECK(users.pwadmin({"--stdin", "-e", "-x", "90", "joe"}, strong).status == 0);
    CHECK(one_line(users, "joe").ends_with(":0:0:90:7:::"));
    CHECK(users.is_password("joe", strong));
    CHECK(users.pwadmin({"--stdin", "-l", "-i", "3", "zoe"}, strong).status == 0);
    CHECK(one_line(users, "zoe").starts_with("zoe:!$5$rounds=1000$"));
    CHECK(one_line(users, "zoe").ends_with(":" + day() + ":0:99999:7:3::"));
    CHECK_FALSE(users.is_password("zoe", strong));
    CHECK(users.pwadmin({"--add", "--stdin", "-e", "-n", "1", "-w", "3", "bob"}, strong).status ==
          0);
    CHECK(one_line(users, "bob").ends_with(":0:1:99999:3:::"));
    CHECK(users.is_password("bob", strong));
    CHECK(users.pwadmin({"--add", "--stdin", "-l", "eve"}, strong).status == 0);
    CHECK(users.pwadmin({"-S", "eve"}).out.starts_with("eve L "));
}

TEST_CASE("-k changes the password only where it has expired") {
    const struct {
        std::string dates; // the fields after the hash
        bool expired;
    } cases[] = {
        {":19000:0:99999:7:::", false}, {":0:0:99999:7:::", true},    {":19000:0:90:7:::", true},
        {":19000:0:90:7:3::", true},    {":19000:0:::::", false},     {"::0:90::::", false},
        {":19000::::::", false},        {":19000:::::99999:", false},
    };
    for (const auto& [dates, expired] : cases)
        for (const std::string lock : {"", "!"}) {
            CAPTURE(dates);
            const Users users{"joe:" + lock + hash + dates + "\n"};
            const auto outcome = users.pwadmin({"-k", "--stdin", "joe"}, strong);
            CHECK(outcome.status == 0);
            CHECK((users.content() != users.before) == expired);
            CHECK(users.is_password("joe", strong) == expired);
            CHECK(outcome.out == (expired ? "pwadmin: joe: password changed\n" : ""));
        }
}

TEST_CASE("a passphrase is generated, and told once") {
    const Users users;
#ifdef POPPASS_PASSWDQC
    std::string last;
    for (const Words& words : {Words{"--generate", "joe"},
                               {"-q", "--generate", "joe"},
                               {"--add", "--generate", "-e", "bob"}}) {
        const auto& login = words.back();
        const auto outcome = users.pwadmin(words);
        CHECK(outcome.status == 0);
        CHECK(outcome.err.empty());
        REQUIRE(outcome.out.ends_with("\n"));
        const auto passphrase = outcome.out.substr(0, outcome.out.size() - 1);
        CHECK(passphrase.size() > 10);
        CHECK(passphrase.find('\n') == passphrase.npos);
        CHECK(passphrase != last);
        last = passphrase;
        CHECK(users.is_password(login, passphrase));
    }
    CHECK(one_line(users, "bob").ends_with(":0:0:99999:7:::"));
    // With a closed standard output the old password stays. If the output fails, the error is
    // reported.
    const auto before = users.content();
    const auto closed =
        run({.argv = {built("pwadmin"), "-f", users.path, "--generate", "joe"}, .closed = {1}});
    CHECK(closed.status == 3);
    CHECK(closed.err == "pwadmin: standard output is closed: nobody would see the new password\n");
    CHECK(users.content() == before);
    const auto full = run({.argv = {"sh", "-c", R"("$0" -f "$1" --generate joe >/dev/full)",
                                    built("pwadmin"), users.path}});
    CHECK(full.status == 3);
    CHECK(full.err == "pwadmin: the new password is set, but could not be shown\n");
    auto pipe = make_pipe();
    REQUIRE(pipe);
    pipe->read_end.reset();
    const auto nobody_listens =
        run({.argv = {built("pwadmin"), "-f", users.path, "--generate", "joe"},
             .descriptors = {{1, pipe->write_end.get()}}});
    CHECK(nobody_listens.status == 3);
    CHECK(nobody_listens.err == full.err);
    CHECK(run({.argv = {built("pwadmin"), "-f", users.path, "-l", "joe"},
               .descriptors = {{1, pipe->write_end.get()}}})
              .status == 0);
#else
    users.refuses({"--generate", "joe"}, 6, "built without libpasswdqc");
    users.refuses({"--add", "--generate", "bob"}, 6, "built without libpasswdqc");
#endif
}

TEST_CASE("root is warned of a weak password") {
    const Users users;
    const auto outcome = users.pwadmin({"--stdin", "joe"}, "weak");
    CHECK(outcome.status == 0);
    CHECK(outcome.err.starts_with("pwadmin: warning: weak password: "));
    CHECK(users.is_password("joe", "weak"));
}

TEST_CASE("-R: another root, before anything is read") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users;
    CHECK(users.pwadmin({"-S", "joe"}).status == 0);
    const auto under = [&](const std::string& root, const std::string& file) {
        return run({.argv = {built("pwadmin"), "-R", root, "-f", file, "-l", "joe"},
                    // The leak check needs /proc, which this root does not have.
                    .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}}});
    };
    CHECK(under(users.directory.path(), "/users").status == 0);
    CHECK(one_line(users, "joe").starts_with("joe:!$5$"));
    CHECK(under(users.directory.path(), users.path).status == 4);
    for (const auto& root : Words{"relative", "/nonexistent/root", users.path}) {
        const auto outcome = under(root, "/users");
        CHECK(outcome.status == 3);
        CHECK(outcome.err.starts_with("pwadmin: "));
    }
}

TEST_CASE("-R: nobody else can put another directory in the place of the root") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users;
    const TemporaryDirectory top;
    const auto root = top.file("root");
    REQUIRE(::mkdir(root.c_str(), 0755) == 0);
    write_file(root + "/users", read_file(users.path), 0600);
    const auto refusal = [&](const std::string& path) {
        const auto outcome =
            run({.argv = {built("pwadmin"), "-R", path, "-f", "/users", "-q", "-l", "joe"},
                 .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}}});
        CHECK((outcome.status == 3) == !outcome.err.empty());
        return outcome.err;
    };
    CHECK(refusal(root) == "");
    CHECK(refusal(root + "/../root//") == "");
    REQUIRE(::symlink(root.c_str(), top.file("link").c_str()) == 0);
    CHECK(refusal(top.file("link")) == "");
    REQUIRE(::lchown(top.file("link").c_str(), 64001, 64001) == 0);
    CHECK(refusal(top.file("link")).find("/link belongs to uid 64001") != std::string::npos);
    REQUIRE(::chmod(root.c_str(), 0775) == 0);
    CHECK(refusal(root) == "pwadmin: " + root + " can be written by others: chmod go-w\n");
    REQUIRE(::chmod(root.c_str(), 0755) == 0);
    REQUIRE(::chown(root.c_str(), 64001, 64001) == 0);
    CHECK(refusal(root).starts_with("pwadmin: " + root + " belongs to uid 64001"));
    REQUIRE(::chown(root.c_str(), 0, 0) == 0);
    REQUIRE(::chown(top.path().c_str(), 64001, 64001) == 0);
    CHECK(refusal(root).starts_with("pwadmin: " + top.path() + " belongs to uid 64001"));
}
