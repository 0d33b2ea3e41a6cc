// /etc/shadow itself, in a root of its own, with checkpw, setpw and pwadmin.
#include "support/small_root.hh"
#include "support/users_file.hh"

#include <ctime>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;

struct System : SmallRoot {
    System() : SmallRoot{{"checkpw", "setpw", "next-link"}} {
        write("/etc/shadow",
              "root:" + hash + usual_dates + "bin:" + hash + usual_dates + "joe:" + hash +
                  usual_dates + "ghost:" + hash + usual_dates + "ann:!" + hash + usual_dates,
              0640);
        if (::geteuid() == 0) REQUIRE(::chown(path("/etc/shadow").c_str(), 0, 64105) == 0);
    }
    Outcome check(const std::string& login, const std::string& password,
                  std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"/checkpw", "-f", "/etc/shadow"});
        return run({.argv = more, .record = login + '\0' + password + bytes("\0\0\0")});
    }
    Outcome set(const std::string& login, const std::string& old,
                std::vector<std::string> more = {}, const std::string& password = "new") const {
        more.insert(more.begin(), {"/setpw", "-f", "/etc/shadow"});
        return run({.argv = more, .record = login + '\0' + old + bytes("\0\0") + password + '\0'});
    }
    // pwadmin need not be in that root: it enters the root itself.
    Outcome administer(std::vector<std::string> more, const std::string& input = {}) const {
        more.insert(more.begin(), {built("pwadmin"), "-R", path(""), "-f", "/etc/shadow"});
        return test::run({.argv = more, .input = input});
    }
    std::string line(const std::string& login) const {
        const auto text = "\n" + read("/etc/shadow");
        const auto at = text.find("\n" + login + ":") + 1;
        return text.substr(at, text.find('\n', at) - at);
    }
};

} // namespace

TEST_CASE("accounts are served from --min-uid on, and only if /etc/passwd has them") {
    const System system;
    if (!system.usable()) return;
    CHECK(system.check("joe", "old").status == 0);
    CHECK(system.check("joe", "bad").status == 1);
    for (const std::string login : {"root", "bin", "ghost", "nis", "+nis", "nobody"}) {
        CAPTURE(login);
        const auto refused = system.check(login, "old");
        CHECK(refused.status == 1);
        CHECK((refused.out + refused.err).empty());
        // The same as for an unknown user: the next link is run.
        CHECK(parse_next_link(system.check(login, "old", {"/next-link", "0", "false"}).out).ran);
        const auto kept = system.set(login, "old");
        CHECK(kept.status == 1);
        CHECK(kept.out == "553 Sorry, old password is incorrect (#5.7.1)\n");
    }
    CHECK(system.check("bin", "old", {"--min-uid", "2"}).status == 0);
    CHECK(system.check("bin", "old", {"--min-uid", "3"}).status == 1);
    CHECK(system.check("root", "old", {"--min-uid", "0"}).status == 0);
    CHECK(system.check("joe", "old", {"--min-uid", "64001"}).status == 0);
    CHECK(system.check("joe", "old", {"--min-uid", "64002"}).status == 1);
    // Without /etc/passwd no user exists. If a file is unreadable, that is trouble for all users.
    REQUIRE(::unlink(system.path("/etc/passwd").c_str()) == 0);
    CHECK(system.check("joe", "old").status == 1);
    system.make_directory("/etc/passwd");
    for (const std::string login : {"joe", "nobody"})
        CHECK(system.check(login, "old").status == 111);
}

TEST_CASE("a change keeps to login.defs, and to the file's owner, group and mode") {
    const System system;
    if (!system.usable()) return;
    const auto before = system.read("/etc/shadow");
    system.write("/etc/login.defs", "ENCRYPT_METHOD SHA512\nSHA_CRYPT_MAX_ROUNDS 1500\n");
    CHECK(system.set("joe", "old").status == 0);
    CHECK(system.line("joe").starts_with("joe:$6$rounds=1500$"));
    CHECK(system.check("joe", "new").status == 0);
    struct stat status {};
    REQUIRE(::stat(system.path("/etc/shadow").c_str(), &status) == 0);
    CHECK(status.st_uid == 0);
    CHECK(status.st_gid == 64105);
    CHECK((status.st_mode & 07777) == 0640);
    // Every other line is unchanged.
    auto after = system.read("/etc/shadow");
    after.replace(after.find(system.line("joe")), system.line("joe").size(),
                  "joe:" + hash + usual_dates.substr(0, usual_dates.size() - 1));
    CHECK(after == before);

    system.write("/etc/login.defs", "ENCRYPT_METHOD YESCRYPT\nYESCRYPT_COST_FACTOR 1\n");
    CHECK(system.set("joe", "new", {}, "third").status == 0);
    CHECK(system.line("joe").starts_with("joe:$y$j75$"));
    CHECK(system.set("joe", "third", {"-m", "sha256crypt", "-c", "1000"}, "old").status == 0);
    CHECK(system.line("joe").starts_with("joe:$5$rounds=1000$"));
    CHECK(system.set("joe", "old", {"-c", "2"}).status == 0);
    CHECK(system.line("joe").starts_with("joe:$y$j85$"));
    CHECK(system.set("joe", "new", {"-c", "12"}).status == 2);

    system.write("/etc/login.defs", "ENCRYPT_METHOD NONSENSE\n");
    const auto unknown = system.set("joe", "new");
    CHECK(unknown.status == 111);
    CHECK(unknown.err.find("ENCRYPT_METHOD") != std::string::npos);
    system.write("/etc/login.defs", "ENCRYPT_METHOD DES\n");
    CHECK(system.set("joe", "new", {"-m", "sha256crypt", "-c", "1000"}).err.empty());
    const auto warned = system.set("joe", "new", {}, "ninechars");
    CHECK(warned.status == 0);
    CHECK(warned.out.empty());
    CHECK(warned.err == "setpw: login.defs: ENCRYPT_METHOD DES is refused: new hashes are of the "
                        "method yescrypt\n");
    CHECK(system.line("joe").starts_with("joe:$y$"));
    CHECK(system.check("joe", "ninechars").status == 0);
}

TEST_CASE("login.defs and --min-uid do not apply to other files") {
    const System system;
    if (!system.usable()) return;
    system.write("/etc/login.defs", "ENCRYPT_METHOD NONSENSE\n");
    system.make_directory("/etc/poppass");
    system.write("/etc/poppass/users", "bin:" + hash + usual_dates, 0600);
    const auto outcome = system.run({.argv = {"/setpw", "-f", "/etc/poppass/users", "-c", "1"},
                                     .record = bytes("bin\0old\0\0new\0")});
    CHECK(outcome.status == 0);
    CHECK(system.read("/etc/poppass/users").starts_with("bin:$y$j75$"));
}

TEST_CASE("the lock is the system's, under whatever name the file goes") {
    const System system;
    if (!system.usable()) return;
    REQUIRE(::symlink("shadow", system.path("/etc/link").c_str()) == 0);
    CHECK(system
              .run({.argv = {"/setpw", "-f", "/etc/link", "-m", "sha256crypt", "-c", "1000"},
                    .record = bytes("joe\0old\0\0new\0")})
              .status == 0);
    // For shadow-utils this would be a lock of its own that is never released.
    CHECK(::access(system.path("/etc/shadow.lock").c_str(), F_OK) != 0);
    CHECK(::access(system.path("/etc/shadow.new").c_str(), F_OK) != 0);
    // lckpwdf(3) takes a POSIX lock on this file.
    const Fd lock{::open(system.path("/etc/.pwd.lock").c_str(), O_WRONLY | O_CLOEXEC)};
    REQUIRE(lock);
    struct flock whole {};
    whole.l_type = F_WRLCK;
    REQUIRE(::fcntl(lock.get(), F_SETLK, &whole) == 0);
    CHECK(system.administer({"--stdin", "joe"}, "third\n").status == 5);
    CHECK(system.check("joe", "new").status == 0);
}

TEST_CASE("pwadmin follows login.defs too, and serves every account") {
    const System system;
    if (!system.usable()) return;
    system.write("/etc/login.defs", "ENCRYPT_METHOD SHA256\nSHA_CRYPT_MAX_ROUNDS 1200\n");
    for (const std::string login : {"bin", "joe", "ghost"}) {
        CHECK(system.administer({"--stdin", login}, "new\n").status == 0);
        CHECK(system.line(login).starts_with(login + ":$5$rounds=1200$"));
    }
}

TEST_CASE("without root it is 111 for everybody") {
    const System system;
    if (!system.usable()) return;
    for (const std::string login : {"joe", "nobody", "bin"}) {
        const auto outcome = system.run({.argv = {"/checkpw", "-f", "/etc/shadow"},
                                         .record = login + bytes("\0old\0\0\0"),
                                         .before_exec = [] {
                                             if (::setgid(64002) != 0 || ::setuid(64001) != 0)
                                                 ::_exit(126);
                                         }});
        CHECK(outcome.status == 111);
        CHECK(outcome.err.find("Permission denied") != std::string::npos);
    }
}
