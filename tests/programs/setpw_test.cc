#include "support/users_file.hh"

#include <algorithm>
#include <ctime>
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;
const std::string ann = "ann:!*:1::::::\n";
const std::string zoe = "zoe:" + hash + ":19000:0:99999:7:::";

std::string ago(long days) { return std::to_string(std::time(nullptr) / 86400 - days); }

struct Users : UsersFile {
    // A line for joe between others. The last line has no line feed.
    explicit Users(const std::string& fields) : UsersFile(ann + "joe:" + fields + "\n" + zoe) {}

    // Joe's line, if everything else is unchanged.
    std::string joe() const {
        const auto now = content();
        REQUIRE(now.starts_with(ann));
        REQUIRE(now.ends_with("\n" + zoe));
        return now.substr(ann.size(), now.size() - ann.size() - zoe.size() - 1);
    }
};

Users plain_users() { return Users{hash + ":19000:0:99999:7:::"}; }

std::string record(const std::string& login, const std::string& old_password,
                   const std::string& new_password) {
    return login + '\0' + old_password + '\0' + '\0' + new_password + '\0';
}

Program setpw(const std::string& path, std::string bytes_of_record,
              std::vector<std::string> more = {}) {
    std::vector<std::string> argv{built("setpw"), "-f", path, "-m", "sha256crypt", "-c", "1000"};
    argv.insert(argv.end(), more.begin(), more.end());
    return {.argv = argv,
            .environment = {{"POPPASS_FILE", std::nullopt}},
            .record = std::move(bytes_of_record)};
}

void check_refused(const Outcome& outcome, const std::string& words) {
    CHECK(outcome.status == 1);
    CHECK(outcome.out == "553 Sorry, " + words + " (#5.7.1)\n");
    CHECK(outcome.err.empty());
}

void check_misused(const Outcome& outcome, std::string_view words) {
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("setpw: "));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK_MESSAGE(outcome.err.find(words) != std::string::npos, outcome.err);
}

void check_trouble(const Outcome& outcome, std::string_view words) {
    CHECK(outcome.status == 111);
    CHECK(outcome.out ==
          "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n");
    CHECK(outcome.err.starts_with("setpw: "));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK_MESSAGE(outcome.err.find(words) != std::string::npos, outcome.err);
}

const std::string wrong = "old password is incorrect";

} // namespace

TEST_CASE("the new password takes the old one's place, and the date is today's") {
    const Users users{hash + ":" + ago(30) + ":1:90:7:14:123456:"};
    const auto outcome = run(setpw(users.path, record("joe", "old", "new")));
    CHECK(outcome.status == 0);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.empty());
    CHECK(users.joe().starts_with("joe:$5$rounds=1000$"));
    CHECK(users.joe().ends_with(":" + ago(0) + ":1:90:7:14:123456:"));
    CHECK(users.is_password("joe", "new"));
    CHECK_FALSE(users.is_password("joe", "old"));
    CHECK(users.is_password("zoe", "old"));
}

TEST_CASE("passwords of all bytes, and as long as a record allows") {
    std::string all;
    for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
    for (const auto& password : std::vector<std::string>{" ", " a b ", ":", "|", "!", "*",
                                                         "\xc3\xa9", all, std::string(501, 'x')}) {
        CAPTURE(password);
        const Users users = plain_users();
        REQUIRE(run(setpw(users.path, record("joe", "old", password))).status == 0);
        CHECK(users.is_password("joe", password));
        CHECK_FALSE(users.is_password("joe", password.substr(1)));
        CHECK_FALSE(users.is_password("joe", password.substr(0, password.size() - 1)));
        CHECK_FALSE(users.is_password("joe", "old"));
    }
}

TEST_CASE("the method is the preferred one, or as asked for") {
    const Users users = plain_users();
    const auto change = [&](std::vector<std::string> options) {
        write_file(users.path, ann + "joe:" + hash + usual_dates + zoe);
        std::vector<std::string> argv{built("setpw"), "-f", users.path};
        argv.insert(argv.end(), options.begin(), options.end());
        const auto outcome = run({.argv = argv, .record = record("joe", "old", "new")});
        REQUIRE(outcome.status == 0);
        CHECK(users.is_password("joe", "new"));
        return users.joe();
    };
    CHECK(change({}).starts_with("joe:$y$j9T$"));
    CHECK(change({"-c", "1"}).starts_with("joe:$y$j75$"));
    CHECK(change({"-m", "bcrypt", "-c", "4"}).starts_with("joe:$2b$04$"));
    CHECK(change({"-m", "sha512crypt"}).starts_with("joe:$6$"));
    CHECK(change({"-msha256crypt", "-c2000"}).starts_with("joe:$5$rounds=2000$"));
}

TEST_CASE("wrong and unknown are refused alike, and change nothing") {
    const Users users = plain_users();
    const auto before = users.content();
    for (const std::string old : {"", "bad", "old ", "new"})
        check_refused(run(setpw(users.path, record("joe", old, "new"))), wrong);
    for (const auto& login : std::vector<std::string>{"nobody", "", "#joe", "+", "-joe",
                                                      "joe:", "joe|", "joe\n", "joe:" + hash}) {
        CAPTURE(login);
        check_refused(run(setpw(users.path, record(login, "old", "new"))), wrong);
    }
    CHECK(users.content() == before);
    CHECK(::access((users.path + ".lock").c_str(), F_OK) != 0); // no change was begun either
}

TEST_CASE("refusals by policy: who knows the password gets the reason, and no next link runs") {
    const struct {
        std::string fields;
        std::string words;
        bool also_wrong; // refused with the wrong password too, with another message
    } cases[] = {
        {"!" + hash + ":19000::::::", "your account is locked", true},
        {hash + ":19000:::::1:", "your account has expired", true},
        {hash + ":19000:::::" + ago(0) + ":", "your account has expired", true},
        {hash + ":" + ago(20) + ":0:10:7:5::", "your password has expired for too long", true},
        {hash + ":" + ago(0) + ":1:99999::::", "you must wait longer to change your password",
         false},
        {hash + ":" + ago(9) + ":10:99999::::", "you must wait longer to change your password",
         false},
        {hash + ":19000:10:9::::", "your password cannot be changed", false},
    };
    for (const auto& [fields, words, also_wrong] : cases) {
        CAPTURE(fields);
        const Users users{fields};
        const auto before = users.content();
        const std::vector<std::string> chain{built("next-link"), "0", "false"};
        check_refused(run(setpw(users.path, record("joe", "old", "new"))), words);
        check_refused(run(setpw(users.path, record("joe", "old", "new"), chain)), words);
        check_refused(run(setpw(users.path, record("joe", "bad", "new"))), wrong);
        const auto next = run(setpw(users.path, record("joe", "bad", "new"), chain));
        if (also_wrong)
            check_refused(next, wrong);
        else
            CHECK(parse_next_link(next.out).ran);
        CHECK(users.content() == before);
    }
    for (const std::string fields : {"!:::::::", "*:::::::", ":::::::", "x:::::::"}) {
        const Users users{fields};
        for (const std::string old : {"", "old", "*", "x"})
            check_refused(run(setpw(users.path, record("joe", old, "new"))), wrong);
        CHECK(users.joe() == "joe:" + fields);
    }
}

TEST_CASE("a password that must be changed, or could long since be, can be changed") {
    for (const auto& fields : std::vector<std::string>{
             ":0:0:99999:7:::", ":0:10:99999:7:::", ":19000:0:10:7:::", ":19000:10:99999::::",
             "::10:99999::::", ":" + ago(-5) + ":10:99999::::"}) {
        CAPTURE(fields);
        const Users users{hash + fields};
        CHECK(run(setpw(users.path, record("joe", "old", "new"))).status == 0);
        CHECK(users.is_password("joe", "new"));
    }
}

TEST_CASE("a password that the method would cut is refused") {
    const Users users = plain_users();
    const auto before = users.content();
    const auto outcome = run({.argv = {built("setpw"), "-f", users.path, "-m", "bcrypt", "-c", "4"},
                              .record = record("joe", "old", std::string(73, 'x'))});
    check_refused(outcome, "your new password is longer than 72 bytes");
    // A user without the right old password is told nothing about the method.
    check_refused(run({.argv = {built("setpw"), "-f", users.path, "-m", "bcrypt", "-c", "4"},
                       .record = record("joe", "bad", std::string(73, 'x'))}),
                  wrong);
    CHECK(users.content() == before);
}

TEST_CASE("with memory for one hash at a time, or one processor, a change is made all the same") {
#ifdef POPPASS_SANITIZED
    if (missing(false, "a build that is not sanitized")) return;
#endif
    // A hash of yescrypt needs 16 MB.
    const std::function<void()> narrow[] = {
        [] {
            const rlimit small{25'000'000, 25'000'000};
            if (::setrlimit(RLIMIT_AS, &small) != 0) ::_exit(126);
        },
        [] {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
            if (::sched_setaffinity(0, sizeof one, &one) != 0) ::_exit(126);
        },
    };
    for (const auto& limit : narrow) {
        const Users users{
            "$y$j9T$s2cFbZkPcx0yNIZCfSDW./$/gof5QP9KhEuicTaIZvH/aLiYAKzLMDXlBFHnAB4Ab0"
            ":19000:0:99999:7:::"};
        auto program =
            setpw(users.path, record("joe", "old", "new"), {"-m", "yescrypt", "-c", "5"});
        program.before_exec = limit;
        const auto outcome = run(program);
        CHECK(outcome.err == "");
        CHECK(outcome.status == 0);
        CHECK(users.is_password("joe", "new"));
    }
}

TEST_CASE("the record: anything but four good strings is misuse, and changes nothing") {
    const Users users = plain_users();
    const auto before = users.content();
    const std::string good = record("joe", "old", "new");
    const std::vector<std::string> chain{built("next-link"), "0", "false"};
    for (std::size_t size = 0; size < good.size(); ++size) {
        CAPTURE(size);
        check_misused(run(setpw(users.path, good.substr(0, size))), "descriptor 3");
        check_misused(run(setpw(users.path, good.substr(0, size), chain)), "descriptor 3");
    }
    const auto misused = [&](const std::string& bytes_of_record, std::string_view words) {
        CAPTURE(bytes_of_record);
        check_misused(run(setpw(users.path, bytes_of_record)), words);
        check_misused(run(setpw(users.path, bytes_of_record, chain)), words);
    };
    misused(bytes("joe\0old\0new\0"), "no new password"); // three strings
    misused(bytes("joe\0old\0new\0\0"), "response");
    misused(bytes("joe\0old\0resp\0new\0"), "response");
    misused(bytes("joe\0old\0\0\0"), "empty new password");
    misused(bytes("joe\0old\0\0new\0\0"), "more than four");
    misused(bytes("joe\0old\0\0new\0more"), "more than four");
    misused(bytes("joe\0old\0\0new\0more\0"), "more than four");
    misused(bytes("joe old new\n"), "no login");
    misused(std::string(512, 'x'), "no login");
    misused(std::string(513, 'x'), "longer than 512 bytes");
    misused(record("joe", "old", std::string(502, 'n')) + std::string(512, '\0'),
            "longer than 512");
    misused(record("joe", "old", std::string(503, 'n')), "longer than 512 bytes");
    auto closed = setpw(users.path, "");
    closed.record = std::nullopt;
    check_misused(run(closed), "descriptor 3");
    CHECK(users.content() == before);
}

TEST_CASE("the next link sees what it should, and only where it should") {
    const Users users = plain_users();
    const std::vector<std::string> chain{built("next-link"), "0", "a b", "/bin/false"};
    const auto before = users.content();
    for (const std::string login : {"joe", "nobody", "", "#"}) {
        const auto bytes_of_record = record(login, "bad", "new");
        const auto outcome = run(setpw(users.path, bytes_of_record, chain));
        CHECK(outcome.status == 0);
        CHECK(outcome.err.empty());
        const auto seen = parse_next_link(outcome.out);
        CHECK(seen.argv == chain);
        CHECK(seen.record == bytes_of_record);
        CHECK(seen.descriptors == std::vector<int>{0, 1, 2, 3});
        CHECK(seen.blocked.empty());
        CHECK(seen.ignored.empty());
    }
    CHECK(users.content() == before);
    const auto changed = run(setpw(users.path, record("joe", "old", "new"), chain));
    CHECK(changed.status == 0);
    CHECK(changed.out.empty());
    CHECK(users.is_password("joe", "new"));
}

TEST_CASE("a chain that does not end in false is misuse, native or not") {
    const Users users = plain_users();
    const auto before = users.content();
    for (const auto& chain : {std::vector<std::string>{"true"},
                              {built("next-link"), "0"},
                              {"false", "true"},
                              {"--native"}})
        for (const auto& environment :
             {Environment{}, {{"NATIVE_CHECKPASSWORD", "1"}}, {{"DOVECOT_VERSION", "2.3"}}}) {
            auto program = setpw(users.path, record("joe", "old", "new"), chain);
            program.environment = environment;
            check_misused(run(program), "");
            program.record = std::nullopt;
            CHECK(run(program).status == 2);
        }
    CHECK(users.content() == before);
}

TEST_CASE("trouble with the file is 111 and a 454 for everybody") {
    const Users users = plain_users();
    const auto for_all = [&](std::string_view words) {
        for (const std::string login : {"joe", "nobody", "#"})
            for (const std::string old : {"old", "bad"})
                check_trouble(run(setpw(users.path, record(login, old, "new"),
                                        {built("next-link"), "0", "false"})),
                              words);
    };
    SUBCASE("missing") {
        REQUIRE(::unlink(users.path.c_str()) == 0);
        for_all("No such file or directory");
        CHECK(::access(users.path.c_str(), F_OK) != 0);
    }
    SUBCASE("a second name") {
        REQUIRE(::link(users.path.c_str(), users.directory.file("second").c_str()) == 0);
        for_all("more than one name");
    }
    SUBCASE("a directory that others can write") {
        REQUIRE(::chmod(users.directory.path().c_str(), 0775) == 0);
        for_all("written by its group");
    }
}

TEST_CASE("a directory that the account cannot write is 111, and nothing is changed") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users = plain_users();
    const auto before = users.content();
    REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
    constexpr Ids owner{64001, 64002};
    REQUIRE(::chown(users.path.c_str(), owner.uid, owner.gid) == 0);
    auto program = setpw(users.path, record("joe", "old", "new"));
    check_trouble(run(program), "Permission denied"); // the child has given up root
    program.as = owner;
    check_trouble(run(program), "Permission denied");
    CHECK(users.content() == before);
}

TEST_CASE("a file of another account is changed with its rights; the next link runs as root") {
    if (missing(::geteuid() == 0, "root")) return;
    const Users users = plain_users();
    REQUIRE(::chown(users.directory.path().c_str(), 64001, 64002) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 64002) == 0);
    CHECK(run(setpw(users.path, record("joe", "old", "new"))).status == 0);
    CHECK(users.is_password("joe", "new"));
    struct stat status {};
    for (const auto& path : {users.path, users.path + ".lock"}) {
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK(status.st_uid == 64001);
        CHECK(status.st_gid == 64002);
    }
    const auto next = parse_next_link(
        run(setpw(users.path, record("nobody", "bad", "new"), {built("next-link"), "0", "false"}))
            .out);
    CHECK(next.record == record("nobody", "bad", "new"));
    CHECK(next.uids == std::vector<uid_t>{0, 0, 0});
    CHECK(next.gids == std::vector<gid_t>{0, 0, 0});
}

TEST_CASE("a symbolic link stays, and its target is changed") {
    const Users users = plain_users();
    TemporaryDirectory other;
    REQUIRE(::symlink(users.path.c_str(), other.file("link").c_str()) == 0);
    CHECK(run(setpw(other.file("link"), record("joe", "old", "new"))).status == 0);
    CHECK(users.is_password("joe", "new"));
    struct stat status {};
    REQUIRE(::lstat(other.file("link").c_str(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode));
}

TEST_CASE("usage") {
    const Users users = plain_users();
    for (const auto& options : {std::vector<std::string>{"-x"},
                                {"-F", "nis"},
                                {"-m", "md4"},
                                {"-m", ""},
                                {"-c", "0"},
                                {"-c", "x"},
                                {"-c", "999"},
                                {"-m", "bcrypt", "-c", "32"},
                                {"-m"},
                                {"--min-uid", "x"},
                                {"-f", ""},
                                {"--allow-expired"},
                                {"-e"}})
        check_misused(run(setpw(users.path, record("joe", "old", "new"), options)), "");
    CHECK(users.is_password("joe", "old"));
    const auto help = run({.argv = {built("setpw"), "--help"}});
    CHECK(help.status == 0);
    CHECK(help.out.starts_with("usage: setpw "));
    CHECK(run({.argv = {built("setpw"), "-V"}}).out.starts_with("setpw "));
}

TEST_CASE("if nobody reads the output, the status is the same") {
    const Users users = plain_users();
    auto pipe = make_pipe();
    REQUIRE(pipe);
    pipe->read_end.reset();
    auto program = setpw(users.path, record("joe", "bad", "new"));
    program.descriptors = {{1, pipe->write_end.get()}};
    CHECK(run(program).status == 1);
    program = setpw(users.path, record("joe", "old", "new"));
    program.closed = {0, 1, 2};
    CHECK(run(program).status == 0);
    CHECK(users.is_password("joe", "new"));
}

TEST_CASE("eight writers change two hundred users at once, and no change is lost") {
    std::string content;
    for (int user = 0; user < 200; ++user)
        content += "u" + std::to_string(user) + ":" + hash + usual_dates;
    const UsersFile users{content};
    std::vector<int> statuses(200, -1);
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 8; ++writer)
        writers.emplace_back([&, writer] {
            for (int user = writer; user < 200; user += 8)
                statuses[static_cast<std::size_t>(user)] =
                    run(setpw(users.path, record("u" + std::to_string(user), "old",
                                                 "new" + std::to_string(user))))
                        .status;
        });
    for (auto& writer : writers) writer.join();
    for (int user = 0; user < 200; ++user) {
        CAPTURE(user);
        CHECK(statuses[static_cast<std::size_t>(user)] == 0);
        CHECK(users.is_password("u" + std::to_string(user), "new" + std::to_string(user)));
    }
    const auto after = users.content();
    CHECK(std::count(after.begin(), after.end(), '\n') == 200);
    CHECK(after.find(hash) == std::string::npos);
}

TEST_CASE("of eight changes to one user at once, one is made; the rest had the wrong password") {
    const Users users = plain_users();
    std::vector<Outcome> outcomes(8);
    std::vector<std::thread> writers;
    for (std::size_t writer = 0; writer < outcomes.size(); ++writer)
        writers.emplace_back([&, writer] {
            outcomes[writer] =
                run(setpw(users.path, record("joe", "old", "new" + std::to_string(writer))));
        });
    for (auto& writer : writers) writer.join();
    int changed = 0;
    for (std::size_t writer = 0; writer < outcomes.size(); ++writer) {
        const bool good = outcomes[writer].status == 0;
        changed += good ? 1 : 0;
        CHECK(users.is_password("joe", "new" + std::to_string(writer)) == good);
        if (!good) check_refused(outcomes[writer], wrong);
    }
    CHECK(changed == 1);
}
