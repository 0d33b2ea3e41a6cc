// Runs each link under valgrind, with a user who is accepted and with one who is refused. It must
// not read or write memory that is not its own, must not decide by memory that it never wrote, and
// must not leak memory.
//
// Valgrind cannot replace malloc in a static program. For static programs the same object files are
// linked once more, as NAME-dynamic.
#include "support/users_file.hh"
#ifdef HAVE_PAM
#include "support/pam_things.hh"
#endif
#ifdef HAVE_LDAP
#include "support/ldap_server.hh"
#endif

#include <doctest/doctest.h>
#include <unistd.h>

using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

const std::string& hash = hash_of_old;
const std::string joe = "joe:" + hash + usual_dates;
const std::string fresh = "Vx7!hq.Zr";

std::string check_record(const std::string& login, const std::string& password) {
    return login + '\0' + password + bytes("\0\0\0");
}

std::string set_record(const std::string& login, const std::string& old, const std::string& next) {
    return login + '\0' + old + bytes("\0\0") + next + '\0';
}

struct Report {
    Outcome end;
    bool clean; // no fault in any program, and malloc was seen in each that ended
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Runs a program under valgrind, with all that its process executes or starts, except /bin/false
// and /bin/true. valgrind writes to descriptor 2. It cannot run a set-group-ID program such as
// unix_chkpwd, which pam_unix since PAM 1.7 runs for root too.
Report under_valgrind(Program program) {
    const Words valgrind{"valgrind",
                         "--error-exitcode=99",
                         "--leak-check=full",
                         "--show-leak-kinds=definite,possible",
                         "--errors-for-leak-kinds=definite,possible",
                         "--trace-children=yes",
                         "--trace-children-skip=/bin/false,/bin/true,*/unix_chkpwd"};
    program.argv.insert(program.argv.begin(), valgrind.begin(), valgrind.end());
    program.timeout = milliseconds{120'000};
    Report report{run(program), true};
    const std::string& log = report.end.err;
    if (!has(log, "== Memcheck")) report.clean = false;
    // A program that executes another one gets no summary, but each fault is reported at once, with
    // its place.
    if (has(log, "==    at 0x")) report.clean = false;
    if (has(log, "total heap usage: 0 allocs")) report.clean = false;
    for (std::size_t at = 0; (at = log.find("ERROR SUMMARY: ", at)) != log.npos; ++at)
        if (!log.substr(at).starts_with("ERROR SUMMARY: 0 errors")) report.clean = false;
    return report;
}

Outcome clean(const Program& program) {
    const Report report = under_valgrind(program);
    CAPTURE(report.end.err);
    CHECK(report.clean);
    return report.end;
}

bool no_valgrind() {
    return missing(run({.argv = {"sh", "-c", "command -v valgrind"}}).status == 0, "valgrind");
}

// The path of the program, or of its dynamic copy if it is static.
std::string dynamic(const std::string& name) {
    const std::string path = built("faulty"); // programs that are only for valgrind are beside it
    const std::string other = path.substr(0, path.rfind('/') + 1) + name + "-dynamic";
    return ::access(other.c_str(), X_OK) == 0 ? other : built(name);
}

struct Users : UsersFile {
    Users() : UsersFile(joe) {}

    Words checkpw() const { return {dynamic("checkpw"), "-f", path}; }
    Words setpw() const {
        return {dynamic("setpw"), "-f", path, "-m", "sha256crypt", "-c", "1000"};
    }
    bool has(const std::string& password) const { return is_password("joe", password); }
};

Words operator+(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

} // namespace

TEST_CASE("valgrind finds the faults of a faulty program") {
    if (no_valgrind()) return;
    const auto fault = [](const std::string& name) {
        return under_valgrind({.argv = {built("faulty"), name}});
    };
    CHECK(fault("none").clean);
    for (const std::string name : {"read", "uninitialised", "leak"}) {
        CAPTURE(name);
        const Report report = fault(name);
        CHECK(report.end.status == 99);
        CHECK_FALSE(report.clean);
    }
    const Report became = fault("exec");
    CHECK(became.end.status == 0); // the program that it executes has no fault
    CHECK_FALSE(became.clean);
    // In a static program valgrind sees no malloc. That counts as a fault too.
    CHECK_FALSE(under_valgrind({.argv = {built("link-fixture"), "exit", "0"}}).clean);
}

TEST_CASE("checkpw") {
    if (no_valgrind()) return;
    const Users users;
    CHECK(clean({.argv = users.checkpw(), .record = check_record("joe", "old")}).status == 0);
    CHECK(clean({.argv = users.checkpw(), .record = check_record("joe", "wrong")}).status == 1);
    CHECK(clean({.argv = users.checkpw(), .record = check_record("nobody", "old")}).status == 1);
    // The next link, which it executes, does not know the user either.
    const auto chain = users.checkpw() + users.checkpw() + Words{"/bin/false"};
    CHECK(clean({.argv = chain, .record = check_record("joe", "wrong")}).status == 1);
}

TEST_CASE("setpw") {
    if (no_valgrind()) return;
    const Users users;
    CHECK(clean({.argv = users.setpw(), .record = set_record("joe", "wrong", "new")}).status == 1);
    CHECK(users.has("old"));
    CHECK(clean({.argv = users.setpw(), .record = set_record("joe", "old", "new")}).status == 0);
    CHECK(users.has("new"));
}

TEST_CASE("pwadmin") {
    if (no_valgrind()) return;
    const Users users;
    const Words pwadmin{dynamic("pwadmin"), "-q", "-f",  users.path, "-m",
                        "sha256crypt",      "-c", "1000"};
    CHECK(clean({.argv = pwadmin + Words{"--stdin", "joe"}, .input = "new\n"}).status == 0);
    CHECK(users.has("new"));
    CHECK(clean({.argv = pwadmin + Words{"--add", "ann", "--stdin"}, .input = "new\n"}).status ==
          0);
    CHECK(clean({.argv = pwadmin + Words{"--stdin", "nobody"}, .input = "new\n"}).status != 0);
    CHECK(clean({.argv = pwadmin + Words{"--remove", "ann"}}).status == 0);
}

TEST_CASE("checkpw-throttle before checkpw") {
    if (no_valgrind()) return;
    const Users users;
    const auto guard = [&](const std::string& tries) {
        return Words{
            dynamic("checkpw-throttle"), "-d", users.directory.file("state"), "-n", tries, "--"};
    };
    const auto chain = [&](const std::string& tries) {
        return guard(tries) + users.checkpw() + Words{"/bin/false"};
    };
    const auto check = [&](const Words& links, const std::string& peer,
                           const std::string& password) {
        return clean({.argv = links,
                      .environment = {{"PROTO", std::nullopt}, {"TCPREMOTEIP", peer}},
                      .record = check_record("joe", password)})
            .status;
    };
    CHECK(check(chain("1000"), "192.0.2.1", "old") == 0);
    CHECK(check(chain("1000"), "192.0.2.1", "wrong") == 1);
    // After so many failures the wait is longer than this suite may take.
    for (int n = 0; n < 7; ++n)
        CHECK(run({.argv = guard("1000") + Words{"/bin/false"},
                   .environment = {{"PROTO", std::nullopt}, {"TCPREMOTEIP", "192.0.2.1"}},
                   .record = check_record("joe", "wrong")})
                  .status == 1);
    CHECK(check(chain("2"), "192.0.2.1", "old") == 111);
    // In a native chain another process holds the state, and links are known by their names.
    const std::string checkpw = users.directory.file("checkpw");
    REQUIRE(::symlink(dynamic("checkpw").c_str(), checkpw.c_str()) == 0);
    const Words native{dynamic("checkpw-throttle"),
                       "-d",
                       users.directory.file("state"),
                       "--native",
                       "--",
                       checkpw,
                       "-f",
                       users.path,
                       "--native",
                       "-e",
                       "/bin/true"};
    CHECK(check(native, "192.0.2.2", "old") == 0);
    CHECK(check(native, "192.0.2.2", "wrong") == 1);
}

TEST_CASE("setpw-hook before setpw") {
    if (no_valgrind()) return;
    const Users users;
    const Words chain = Words{dynamic("setpw-hook"), "--before", "/bin/true",  "--undo",
                              "/bin/true",           "--after",  "/bin/false", "--"} +
                        users.setpw();
    CHECK(clean({.argv = chain, .record = set_record("joe", "wrong", fresh)}).status == 1);
    CHECK(clean({.argv = chain, .record = set_record("joe", "old", fresh)}).status == 0);
    CHECK(users.has(fresh));
}

#ifdef HAVE_PASSWDQC
TEST_CASE("setpw-quality before setpw") {
    if (no_valgrind()) return;
    const Users users;
    const Words chain = Words{built("setpw-quality"), "--"} + users.setpw();
    CHECK(clean({.argv = chain, .record = set_record("joe", "old", "short")}).status == 1);
    CHECK(clean({.argv = chain, .record = set_record("joe", "old", fresh)}).status == 0);
    CHECK(users.has(fresh));
}
#endif

#ifdef HAVE_PAM
TEST_CASE("checkpw-pam and setpw-pam, with the system's modules") {
    if (no_valgrind() || missing(::geteuid() == 0, "root")) return;
    const SystemAccount account{"old"};
    const PamService service{"auth required pam_unix.so\naccount required pam_unix.so\n"
                             "password required pam_unix.so sha512 rounds=1000\n"};
    const Words check{built("checkpw-pam"), "-s", service.name(), "--allow-expired", "--no-delay"};
    const Words change{built("setpw-pam"), "-s", service.name()};
    const auto& name = account.name();
    CHECK(clean({.argv = check, .record = check_record(name, "old")}).status == 0);
    CHECK(clean({.argv = check, .record = check_record(name, "wrong")}).status == 1);
    CHECK(clean({.argv = change, .record = set_record(name, "old", "x")}).status == 1);
    CHECK(account.has_password("old"));
    CHECK(clean({.argv = change, .record = set_record(name, "old", fresh)}).status == 0);
    CHECK(account.has_password(fresh));
}
#endif

#ifdef HAVE_LDAP
TEST_CASE("checkpw-ldap and setpw-ldap, with a real slapd") {
    if (no_valgrind() || missing(have_slapd(), "slapd and its modules")) return;
    LdapServer server;
    server.prepare(
        {.entries = policy_entry("length", "pwdCheckQuality: 2\npwdMinLength: 8\n") +
                    user_entry("joe", "old", "pwdPolicySubentry: " + policy_dn("length") + "\n")});
    server.start();
    const Words options{"-H", server.uri(), "-D", "uid=%u," + people, "-t", "60"};
    const Words check = Words{built("checkpw-ldap")} + options;
    const Words change = Words{built("setpw-ldap")} + options;
    CHECK(clean({.argv = check, .record = check_record("joe", "old")}).status == 0);
    CHECK(clean({.argv = check, .record = check_record("joe", "wrong")}).status == 1);
    CHECK(clean({.argv = change, .record = set_record("joe", "old", "short")}).status == 1);
    CHECK(clean({.argv = change, .record = set_record("joe", "old", fresh)}).status == 0);
    CHECK(can_bind(server.uri(), user_dn("joe"), fresh));
}
#endif
