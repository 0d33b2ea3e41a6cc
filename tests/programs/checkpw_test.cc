#include "support/users_file.hh"

#include <algorithm>
#include <ctime>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;

long today() { return std::time(nullptr) / 86400; }

std::string ago(long days) { return std::to_string(today() - days); }

using Users = UsersFile;

Users plain_users() { return Users{"joe:" + hash + usual_dates}; }

std::string record(const std::string& login, const std::string& password,
                   const std::string& timestamp = "") {
    return login + '\0' + password + '\0' + timestamp + std::string(2, '\0');
}

Program checkpw(const Users& users, std::string bytes, const std::vector<std::string>& more = {}) {
    auto program = users.call("checkpw", more);
    program.environment["NATIVE_CHECKPASSWORD"] = std::nullopt;
    program.record = std::move(bytes);
    return program;
}

// A refusal writes nothing to either descriptor, because both may be the client's.
void check_silent(const Outcome& outcome, int status) {
    CHECK(outcome.status == status);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.empty());
}

void check_trouble(const Outcome& outcome, int status, std::string_view words) {
    CHECK(outcome.status == status);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("checkpw: "));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK_MESSAGE(outcome.err.find(words) != std::string::npos, outcome.err);
}

} // namespace

TEST_CASE("right, wrong and unknown") {
    const Users users = plain_users();
    check_silent(run(checkpw(users, record("joe", "old"))), 0);
    for (const std::string wrong : {"", "ol", "old ", " old", "oldd", "OLD", "new", "*0"})
        check_silent(run(checkpw(users, record("joe", wrong))), 1);
    check_silent(run(checkpw(users, record("nobody", "old"))), 1);
    // A caller that sends a plain password with a timestamp (qpsmtpd) does so on purpose.
    check_silent(run(checkpw(users, record("joe", "old", "Y123456"))), 0);
    check_silent(run(checkpw(users, record("joe", "old") + "more")), 0);
    check_silent(run(checkpw(users, bytes("joe\0old\0\0"))), 0);
}

TEST_CASE("malformed logins are unknown, whatever the file says") {
    const Users users{"#joe:" + hash + ":::::::\n:" + hash + ":::::::\n+:" + hash +
                      ":::::::\n-joe:" + hash + ":::::::\n+joe:" + hash + ":::::::\njoe:" + hash +
                      ":::::::\n"};
    for (const auto& login : std::vector<std::string>{
             "", "#joe", "#", "+", "+joe", "-joe", "-", "joe:", ":", "joe\n", "\n", "joe:" + hash,
             "joe\t", " joe", "joe|", "Joe", std::string(400, 'j')}) {
        CAPTURE(login);
        check_silent(run(checkpw(users, record(login, "old"))), 1);
    }
    check_silent(run(checkpw(users, record("joe", "old"))), 0);
}

TEST_CASE("a refused entry is refused with the right password and with a wrong one") {
    const std::string refused[] = {
        "!" + hash + ":19000::::::", // locked
        "!!" + hash + ":19000::::::",
        "!:19000::::::",
        "*:19000::::::",
        "*" + hash + ":19000::::::",
        ":19000::::::",                             // an empty hash
        hash + ":19000:0:99999:7::" + ago(0) + ":", // expired
        hash + ":19000:0:99999:7::1:",
        hash + ":" + ago(20) + ":0:10:7:5::", // inactive
    };
    for (const auto& fields : refused) {
        CAPTURE(fields);
        const Users users{"joe:" + fields + "\n"};
        for (const std::string password : {"old", "wrong", ""}) {
            check_silent(run(checkpw(users, record("joe", password))), 1);
            check_silent(run(checkpw(users, record("joe", password), {"--allow-expired"})), 1);
            // The same if a next link would accept.
            const auto next =
                run(checkpw(users, record("joe", password), {built("next-link"), "0", "false"}));
            check_silent(next, 1);
        }
    }
}

TEST_CASE("if CR LF makes the dates unreadable, nobody is let in") {
    const Users users{"joe:" + hash + ":19000:0:99999:7::1:\r\n"};
    check_silent(run(checkpw(users, record("joe", "old"))), 1);
    check_silent(run(checkpw(users, record("joe", "old"), {"--native", built("next-link"), "0"})),
                 1);
}

TEST_CASE("a password that must be changed is good only for a password change service") {
    for (const auto& fields : {"0:0:99999:7:::", "19000:0:10:7:::"}) {
        const Users users{"joe:" + hash + ":" + fields + "\n"};
        check_silent(run(checkpw(users, record("joe", "old"))), 1);
        check_silent(run(checkpw(users, record("joe", "wrong"))), 1);
        check_silent(run(checkpw(users, record("joe", "old"), {"--allow-expired"})), 0);
        check_silent(run(checkpw(users, record("joe", "wrong"), {"--allow-expired"})), 1);
        const auto next =
            run(checkpw(users, record("joe", "wrong"), {built("next-link"), "0", "false"}));
        check_silent(next, 1);
    }
}

TEST_CASE("the check ignores the minimum age") {
    const Users users{"joe:" + hash + ":" + ago(0) + ":10:99999:7:::\n"};
    check_silent(run(checkpw(users, record("joe", "old"))), 0);
}

TEST_CASE("the record: every truncation, and more than 512 bytes, is misuse") {
    const Users users = plain_users();
    const std::string good = bytes("joe\0old\0\0");
    for (std::size_t size = 0; size < good.size(); ++size) {
        CAPTURE(size);
        for (const auto& chain : {std::vector<std::string>{}, {built("next-link"), "0", "false"}})
            check_trouble(run(checkpw(users, good.substr(0, size), chain)), 2, "descriptor 3");
    }
    const std::string padding(512 - good.size(), 'x');
    check_silent(run(checkpw(users, good + padding)), 0);
    check_trouble(run(checkpw(users, good + padding + "x")), 2, "longer than 512 bytes");
    check_trouble(run(checkpw(users, std::string(513, 'x'))), 2, "longer than 512 bytes");
    check_trouble(run(checkpw(users, std::string(60'000, '\0'))), 2, "longer than 512 bytes");
    check_trouble(run(checkpw(users, std::string(512, 'x'))), 2, "no login");
    auto closed = checkpw(users, "");
    closed.record = std::nullopt;
    check_trouble(run(closed), 2, "descriptor 3");
}

TEST_CASE("the longest passwords are read whole") {
    // An entry that setpw made, with a hash of 500 bytes.
    const Users users = plain_users();
    const std::string password(500, '\xe9');
    const auto outcome =
        run({.argv = {built("setpw"), "-f", users.path, "-m", "sha256crypt", "-c", "1000"},
             .record = bytes("joe\0old\0\0") + password + '\0'});
    REQUIRE(outcome.status == 0);
    check_silent(run(checkpw(users, bytes("joe\0") + password + bytes("\0\0\0"))), 0);
    check_silent(run(checkpw(users, bytes("joe\0") + password.substr(1) + bytes("\0\0\0"))), 1);
    check_silent(run(checkpw(users, bytes("joe\0") + password + "\xe9" + bytes("\0\0\0"))), 1);
}

TEST_CASE("the next link sees what it should, and only where it should") {
    const Users users = plain_users();
    const std::vector<std::string> chain{built("next-link"), "0", "a b", "/bin/false"};
    SUBCASE("accepted: it is not run") {
        check_silent(run(checkpw(users, record("joe", "old"), chain)), 0);
    }
    SUBCASE("wrong, and unknown: it is, with the same record") {
        for (const std::string login : {"joe", "nobody", "#joe", ""}) {
            const std::string bytes_of_record =
                record(login, "bad", "stamp") + std::string{"\0x\0", 3};
            const auto outcome = run(checkpw(users, bytes_of_record, chain));
            CHECK(outcome.status == 0);
            CHECK(outcome.err.empty());
            const auto seen = parse_next_link(outcome.out);
            CHECK(seen.ran);
            CHECK(seen.argv == chain);
            CHECK(seen.record == bytes_of_record);
            CHECK(seen.descriptors == std::vector<int>{0, 1, 2, 3});
            CHECK(seen.blocked.empty());
            CHECK(seen.ignored.empty());
        }
    }
    SUBCASE("its status is the chain's") {
        auto words = chain;
        words[1] = "3";
        CHECK(run(checkpw(users, record("nobody", "bad"), words)).status == 3);
        check_silent(run(checkpw(users, record("nobody", "bad"), {"/bin/false"})), 1);
        check_silent(run(checkpw(users, record("nobody", "bad"), {"false"})), 1);
    }
    SUBCASE("--, and words that look like options") {
        const auto outcome =
            run(checkpw(users, record("nobody", "bad"),
                        {"--", built("next-link"), "0", "-f", "x", "--native", "false"}));
        CHECK(parse_next_link(outcome.out).argv ==
              std::vector<std::string>{built("next-link"), "0", "-f", "x", "--native", "false"});
    }
    SUBCASE("one that does not exist is misuse") {
        check_trouble(run(checkpw(users, record("nobody", "bad"), {"/nonexistent/link", "false"})),
                      2, "/nonexistent/link");
    }
}

TEST_CASE("a chain whose convention is not clear is misuse, before the record is read") {
    const Users users = plain_users();
    for (const std::string password : {"old", "bad"})
        for (const auto& chain : {std::vector<std::string>{"true"},
                                  {built("next-link"), "0"},
                                  {"qmail-pop3d", "Maildir"},
                                  {"false", "true"}}) {
            auto program = checkpw(users, record("joe", password), chain);
            const auto outcome = run(program);
            check_trouble(outcome, 2, "--native");
            CHECK(outcome.err.find("/bin/false") != std::string::npos);
            // Nobody ever wrote a record: the program does not wait for one.
            program.record = std::nullopt;
            check_trouble(run(program), 2, "--native");
        }
}

TEST_CASE("trouble with the file is 111 for everybody") {
    const Users users = plain_users();
    const auto for_all = [&](std::string_view words) {
        for (const std::string login : {"joe", "nobody", "#"})
            for (const std::string password : {"old", "bad"})
                check_trouble(run(checkpw(users, record(login, password),
                                          {built("next-link"), "0", "false"})),
                              111, words);
    };
    SUBCASE("missing") {
        REQUIRE(::unlink(users.path.c_str()) == 0);
        for_all("No such file or directory");
    }
    SUBCASE("world-writable") {
        REQUIRE(::chmod(users.path.c_str(), 0606) == 0);
        for_all("written by everybody");
    }
    SUBCASE("a directory") {
        REQUIRE(::unlink(users.path.c_str()) == 0);
        REQUIRE(::mkdir(users.path.c_str(), 0700) == 0);
        for_all("not a regular file");
    }
    SUBCASE("a line without an end") {
        write_file(users.path, std::string(100'000, 'x'));
        for_all("longer than 64 kB");
    }
    SUBCASE("unreadable") {
        if (missing(::geteuid() == 0, "root")) return;
        REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
        auto program = checkpw(users, record("joe", "old"));
        program.as = nobody;
        check_trouble(run(program), 111, "Permission denied");
    }
}

TEST_CASE("no memory for a hash is 111 for everybody, not a wrong password") {
#ifdef POPPASS_SANITIZED
    if (missing(false, "a build that is not sanitized")) return;
#endif
    const Users users{
        "joe:$y$j9T$W4EmNPrh3KCFWEIVZdGUA1$yUKcaHiRcYgcyXpFkLpgdNXmNj8yTHsfHpbJfnXFwI5:::::::\n"};
    for (const std::string login : {"joe", "nobody"}) {
        auto program = checkpw(users, record(login, "old"));
        program.argv.insert(program.argv.begin(), {"prlimit", "--as=14000000"});
        check_trouble(run(program), 111, "not enough memory");
    }
}

TEST_CASE("the file: -f, else POPPASS_FILE, else the suite's") {
    const Users users = plain_users();
    Program program{.argv = {built("checkpw")}, .record = record("joe", "old")};
    program.environment["POPPASS_FILE"] = users.path;
    check_silent(run(program), 0);
    program.environment["POPPASS_FILE"] = "";
    check_trouble(run(program), 2, "POPPASS_FILE");
    program.argv = {built("checkpw"), "-f", users.path};
    check_silent(run(program), 0);
    program.argv = {built("checkpw"), "-f", ""};
    check_trouble(run(program), 2, "-f");
    program.argv = {built("checkpw"), "-f", "users"};
    program.directory = users.directory.path();
    check_silent(run(program), 0);
    // Through a symbolic link.
    REQUIRE(::symlink("users", users.directory.file("link").c_str()) == 0);
    program.argv = {built("checkpw"), "-f", "link"};
    check_silent(run(program), 0);
}

TEST_CASE("usage") {
    const auto answer = [](std::vector<std::string> words) {
        words.insert(words.begin(), built("checkpw"));
        return run({.argv = words, .record = record("joe", "old")});
    };
    for (const std::string help : {"-h", "--help"}) {
        const auto outcome = answer({help});
        CHECK(outcome.status == 0);
        CHECK(outcome.out.starts_with("usage: checkpw "));
        CHECK(outcome.err.empty());
    }
    for (const std::string version : {"-V", "--version"}) {
        const auto outcome = answer({version});
        CHECK(outcome.status == 0);
        CHECK(outcome.out.starts_with("checkpw "));
    }
    for (const auto& wrong : {std::vector<std::string>{"-x"},
                              {"--nonsense"},
                              {"-f"},
                              {"-F", "nis"},
                              {"-F", ""},
                              {"--min-uid", "x"},
                              {"--min-uid", "-1"},
                              {"--min-uid"},
                              {"--native=1"},
                              {"-m", "bcrypt"}})
        check_trouble(answer(wrong), 2, "");
}

TEST_CASE("a file of another account is read with its rights; the next link runs as root") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users = plain_users();
    REQUIRE(::chown(users.directory.path().c_str(), 64001, 64002) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 64002) == 0);
    check_silent(run(checkpw(users, record("joe", "old"))), 0);
    const TemporaryDirectory open_to_all;
    const auto link = reachable("next-link", open_to_all);
    const auto next =
        parse_next_link(run(checkpw(users, record("nobody", "bad"), {link, "0", "false"})).out);
    CHECK(next.record == record("nobody", "bad"));
    CHECK(next.uids == std::vector<uid_t>{0, 0, 0});
    CHECK(next.gids == std::vector<gid_t>{0, 0, 0});
    auto stranger = checkpw(users, record("joe", "old"));
    stranger.as = nobody;
    check_trouble(run(stranger), 111, "Permission denied");
}

TEST_CASE("closed descriptors do no harm") {
    const Users users = plain_users();
    auto program = checkpw(users, record("joe", "old"));
    program.closed = {0, 1, 2};
    CHECK(run(program).status == 0);
    program.record = record("joe", "bad");
    CHECK(run(program).status == 1);
}

TEST_CASE("a user who is there, one who is not, and one who is locked take the same time") {
    // Each hash takes 4 ms.
    const std::string slow =
        "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA";
    const Users users{"joe:" + slow + ":::::::\nann:!:::::::\nzoe:!" + slow +
                      ":::::::\nbob:x:::::::\n"};
    // They take turns, so that a slow minute of the machine is slow for all of them.
    std::map<std::string, double> best;
    for (int round = 0; round < 15; ++round)
        for (const std::string login : {"joe", "nobody", "ann", "zoe", "bob", "#", ""}) {
            const double begin = time_of_children();
            run(checkpw(users, record(login, "bad")));
            const double time = time_of_children() - begin;
            best[login] = round == 0 ? time : std::min(best[login], time);
        }
    for (const auto& [login, time] : best) {
        CAPTURE(login);
        CHECK(time > best["joe"] * 0.6);
        CHECK(time < best["joe"] * 1.7);
    }
}
