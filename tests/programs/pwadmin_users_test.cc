// Ordinary changes by somebody who is neither root nor the owner of the file, but may replace the
// file. Also the effect of login.defs(5) on changes.
#include "support/at_terminal.hh"
#include "support/small_root.hh"
#include "support/users_file.hh"

#include <ctime>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

// The leak check needs /proc, which these roots do not have.
const ScopedVariable no_leaks{"ASAN_OPTIONS", "detect_leaks=0"};

const std::string& hash = hash_of_old;
// A weak password: without libpasswdqc only a short one is weak.
#ifdef POPPASS_PASSWDQC
const std::string simple = "simple";
#else
const std::string simple = "easy";
#endif
// No policy calls these passwords weak.
const std::string strong = "Mumble3ticket.Orchid";
const std::string other = "Quartz!willow9Tambour";

std::string days_ago(int days) { return std::to_string(std::time(nullptr) / 86400 - days); }

// A root of its own with a system's shadow file. pwadmin enters it by -R.
struct System {
    SmallRoot root{{"next-link"}};
    std::string before;

    explicit System(const std::string& login_defs = {},
                    const std::string& joe = ":" + hash + usual_dates) {
        before = "root:*" + usual_dates + "joe" + joe + "zoe:" + hash + usual_dates;
        root.write("/etc/shadow", before, 0640);
        if (!login_defs.empty()) root.write("/etc/login.defs", login_defs);
    }
    std::string shadow() const { return root.read("/etc/shadow"); }

    // Runs as root, or as a user with the necessary capabilities. All capabilities are set openly,
    // so that it does not count as a set-user-ID program.
    static std::vector<std::string> as_user(std::vector<std::string> words) {
        const std::string power = "+dac_override,+chown,+fowner,+sys_chroot";
        const std::vector<std::string> front{
            "setpriv",        "--reuid=64001",       "--regid=64002",
            "--clear-groups", "--inh-caps=" + power, "--ambient-caps=" + power};
        words.insert(words.begin(), front.begin(), front.end());
        return words;
    }
    std::vector<std::string> words(std::vector<std::string> more) const {
        more.insert(more.begin(), {program, "-R", root.path(""), "-f", "/etc/shadow", "-m",
                                   "sha256crypt", "-c", "1000"});
        return more;
    }
    bool is_password(const std::string& password) const {
        return run({.argv = {built("checkpw"), "-f", root.path("/etc/shadow")},
                    .record = bytes("joe\0") + password + bytes("\0\0\0")})
                   .status == 0;
    }

    TemporaryDirectory directory;
    std::string program = reachable("pwadmin", directory);
};

// What the terminal shows, and what the test types then.
struct Step {
    std::string shown;
    std::string typed;
};

int dialogue(const std::vector<std::string>& words, const std::vector<Step>& steps) {
    AtTerminal terminal{words};
    for (const auto& [shown, typed] : steps) {
        CAPTURE(shown);
        REQUIRE_MESSAGE(terminal.shows(shown), terminal.shown());
        if (!typed.empty()) {
            CHECK(terminal.echoes(false));
            terminal.type(typed + "\n");
        }
    }
    CHECK(terminal.echoes(true));
    const int status = terminal.wait();
    CHECK(terminal.shown().find(strong) == std::string::npos);
    return status;
}

} // namespace

TEST_CASE("a user is asked for the old password once, for the new one twice") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system;
    CHECK(dialogue(System::as_user(system.words({"joe"})), {{"Changing password for joe", ""},
                                                            {"Old password: ", "old"},
                                                            {"New password: ", strong},
                                                            {"New password again: ", strong},
                                                            {"password changed", ""}}) == 0);
    CHECK(system.is_password(strong));
    CHECK(system.shadow().starts_with("root:*" + usual_dates + "joe:$5$rounds=1000$"));
    CHECK(
        system.shadow().ends_with(":" + days_ago(0) + ":0:99999:7:::\nzoe:" + hash + usual_dates));
    // Without a name it is the caller's own password. The root directory's /etc/passwd has the
    // name.
    CHECK(dialogue(System::as_user(system.words({"-q"})),
                   {{"Old password: ", strong}, {"New password: ", other}, {"again: ", other}}) ==
          0);
    CHECK(system.is_password(other));
}

TEST_CASE("without a terminal nothing is asked") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system;
    const auto outcome = run({.argv = system.words({"joe"}), .input = strong + "\n" + strong});
    CHECK(outcome.status == 3);
    CHECK(outcome.err.find("open the terminal") != std::string::npos);
    CHECK(system.shadow() == system.before);
}

TEST_CASE("a user's wrong old password ends it") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system;
    for (const std::string wrong : {"bad", "oldd", "OLD"})
        CHECK(dialogue(System::as_user(system.words({"joe"})),
                       {{"Old password: ", wrong}, {"old password is incorrect", ""}}) == 1);
    CHECK(system.shadow() == system.before);
}

TEST_CASE("a user's weak password is refused, and each refusal counts as a try") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system{"PASS_CHANGE_TRIES 3\n"};
    const auto words = System::as_user(system.words({"joe"}));
    CHECK(dialogue(words, {{"Old password: ", "old"},
                           {"New password: ", "four"},
                           {"Weak password: it is shorter than 5 bytes; try again", ""},
                           {"New password: ", simple},
                           {"Weak password: ", ""},
                           {"New password: ", strong},
                           {"again: ", strong}}) == 0);
    CHECK(system.is_password(strong));
    const auto before = system.shadow();
    CHECK(dialogue(words, {{"Old password: ", strong},
                           {"New password: ", simple},
                           {"try again", ""},
                           {"New password: ", simple},
                           {"try again", ""},
                           {"New password: ", other},
                           {"again: ", strong},
                           {"differ", ""},
                           {"too many tries; the password is unchanged", ""}}) == 1);
    CHECK(system.shadow() == before);
}

TEST_CASE("locks and dates bind a user, and not root") {
    if (missing(::geteuid() == 0, "root")) return;
    const struct {
        std::string joe;
        std::string text;
    } cases[] = {
        {":!" + hash + usual_dates, "locked"},
        {":" + usual_dates, "locked"},
        {":" + hash + ":" + days_ago(3) + ":7:99999:7:::\n", "must wait longer"},
        {":" + hash + ":19000:7:1:7:::\n", "cannot be changed"},
        {":" + hash + ":19000:0:9:7:5::\n", "expired for too long"},
        {":" + hash + ":19000:0:99999:7::19001:\n", "account has expired"},
    };
    for (const auto& [joe, text] : cases) {
        CAPTURE(text);
        const System system{"", joe};
        const auto refused = run({.argv = System::as_user(system.words({"joe"}))});
        CHECK(refused.status == 1);
        CHECK_MESSAGE(refused.err.find(text) != std::string::npos, refused.err);
        CHECK(system.shadow() == system.before);
        CHECK(run({.argv = system.words({"--stdin", "joe"}), .input = strong}).status == 0);
        CHECK(system.shadow() != system.before);
    }
}

TEST_CASE("all but a change of the password is for root and the file's owner") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system;
    using Words = std::vector<std::string>;
    for (const auto& more : {Words{"-l", "joe"},
                             {"-u", "joe"},
                             {"-d", "joe"},
                             {"-e", "joe"},
                             {"-x", "5", "joe"},
                             {"--add", "bob"},
                             {"--remove", "joe"},
                             {"--stdin", "joe"},
                             {"--generate", "joe"}}) {
        CAPTURE(more[0]);
        const auto outcome = run({.argv = System::as_user(system.words(more)), .input = strong});
        CHECK(outcome.status == 1);
        CHECK(outcome.err.find("only root and the owner") != std::string::npos);
    }
    CHECK(run({.argv = System::as_user(system.words({"-S", "joe"}))}).out ==
          "joe P 2022-01-08 0 99999 7 -1\n");
    CHECK(system.shadow() == system.before);
}

TEST_CASE("the owner of a file is not asked for the old password") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    const auto program = reachable("pwadmin", directory);
    const auto own = directory.file("own");
    REQUIRE(::mkdir(own.c_str(), 0700) == 0);
    write_file(own + "/users", "joe:" + hash + usual_dates);
    REQUIRE(::chown(own.c_str(), 64001, 64002) == 0);
    REQUIRE(::chown((own + "/users").c_str(), 64001, 64002) == 0);
    const std::vector<std::string> words{"setpriv",       "--reuid=64001",
                                         "--regid=64002", "--clear-groups",
                                         program,         "-f",
                                         own + "/users",  "-m",
                                         "sha256crypt",   "-c",
                                         "1000",          "joe"};
    CHECK(dialogue(words, {{"New password: ", strong}, {"again: ", strong}}) == 0);
    auto lock = words;
    lock.insert(lock.end() - 1, "-l");
    CHECK(run({.argv = lock}).status == 0);
    CHECK(read_file(own + "/users").starts_with("joe:!$5$"));
}

TEST_CASE("login.defs: tries, the least length, checks and warnings") {
    if (missing(::geteuid() == 0, "root")) return;
    const struct {
        std::string login_defs;
        bool as_user;
        std::string password;
        std::string text; // part of the refusal; empty: it is not refused
    } cases[] = {
        {"PASS_CHANGE_TRIES 1\nPASS_MIN_LEN 30\n", true, strong, "shorter than 30 bytes"},
#ifdef POPPASS_PASSWDQC
        {"PASS_CHANGE_TRIES 1\nPASS_MIN_LEN 0\n", true, "x", "Weak password"},
        {"PASS_CHANGE_TRIES 1\nOBSCURE_CHECKS_ENAB yes\n", true, "simple", "Weak password"},
#endif
        {"PASS_CHANGE_TRIES 1\nOBSCURE_CHECKS_ENAB no\n", true, "simple", ""},
        {"PASS_CHANGE_TRIES 1\nOBSCURE_CHECKS_ENAB no\n", true, "four", "shorter than 5 bytes"},
        {"PASS_CHANGE_TRIES 1\nPASS_ALWAYS_WARN yes\n", false, simple, "to use it anyway"},
        {"PASS_CHANGE_TRIES 1\nPASS_ALWAYS_WARN no\n", false, simple, ""},
        {"PASS_CHANGE_TRIES 1\nPASS_ALWAYS_WARN no\n", true, simple, "Weak password"},
        {"PASS_CHANGE_TRIES 0\nPASS_MAX_LEN 8\n", true, strong, ""},
        {"PASS_CHANGE_TRIES -3\n", true, strong, ""},
    };
    for (const auto& [login_defs, as_user, password, text] : cases) {
        CAPTURE(login_defs);
        CAPTURE(password);
        const System system{login_defs};
        auto words = system.words({"joe"});
        std::vector<Step> steps;
        if (as_user) {
            words = System::as_user(words);
            steps.push_back({"Old password: ", "old"});
        }
        steps.push_back({"New password: ", password});
        if (text.empty())
            steps.push_back({"again: ", password});
        else
            steps.push_back({text, ""});
        AtTerminal terminal{words};
        for (const auto& [shown, typed] : steps) {
            REQUIRE_MESSAGE(terminal.shows(shown), terminal.shown());
            if (!typed.empty()) terminal.type(typed + "\n");
        }
        CHECK(terminal.wait() == (text.empty() ? 0 : 1));
        CHECK((system.shadow() == system.before) == !text.empty());
        if (text.empty()) CHECK(system.is_password(password));
    }
}

TEST_CASE("login.defs is the root directory's, and of no other file") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system{"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MIN_ROUNDS 1234\n"};
    system.root.write("/etc/users", "joe:" + hash + usual_dates, 0600);
    const auto set = [&](const std::string& file, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {built("pwadmin"), "-R", system.root.path(""), "-f", file});
        more.insert(more.end(), {"--stdin", "joe"});
        return run({.argv = more, .input = strong});
    };
    CHECK(set("/etc/shadow").status == 0);
    CHECK(system.shadow().find("\njoe:$5$rounds=1234$") != std::string::npos);
    CHECK(set("/etc/shadow", {"-m", "sha512crypt", "-c", "1111"}).status == 0);
    CHECK(system.shadow().find("\njoe:$6$rounds=1111$") != std::string::npos);
    CHECK(set("/etc/users").status == 0);
    CHECK(system.root.read("/etc/users").starts_with("joe:$y$"));

    system.root.write("/etc/login.defs", "ENCRYPT_METHOD MD5\n");
    const auto warned = set("/etc/shadow");
    CHECK(warned.status == 0);
    CHECK(warned.err.starts_with("pwadmin: login.defs: ENCRYPT_METHOD MD5 is refused"));
    CHECK(system.shadow().find("\njoe:$y$") != std::string::npos);
    CHECK(set("/etc/shadow", {"-m", "sha512crypt", "-c", "1111"}).err.empty());
    system.root.write("/etc/login.defs", "ENCRYPT_METHOD NONSENSE\n");
    CHECK(set("/etc/shadow").status == 3);
    CHECK(set("/etc/shadow", {"-m", "sha512crypt", "-c", "1112"}).status == 0);
    CHECK(system.shadow().find("\njoe:$6$rounds=1112$") != std::string::npos);
}

#ifdef POPPASS_PASSWDQC
TEST_CASE("the policy is what setpw-quality would have, with the account's words") {
    if (missing(::geteuid() == 0, "root")) return;
    const System system{"PASS_CHANGE_TRIES 1\n"};
    const auto warning = [&](const std::string& password) {
        const auto outcome = run({.argv = system.words({"--stdin", "joe"}), .input = password});
        CHECK(outcome.status == 0);
        return outcome.err;
    };
    const auto judged = [&](const std::string& password, const std::vector<std::string>& policy) {
        auto words = policy;
        words.insert(words.begin(), built("setpw-quality"));
        words.insert(words.end(), {"--", built("next-link"), "0"});
        const auto outcome =
            run({.argv = words, .record = bytes("joe\0\0\0") + password + bytes("\0")});
        const auto at = outcome.out.find("Weak password: ");
        return at == std::string::npos ? std::string{}
                                       : outcome.out.substr(at, outcome.out.find(" (#") - at);
    };
    for (const std::string password :
         {"simple", "tr0ub4dor", "correct horse battery", "aB3$", "Mumble3ticket.Orchid"}) {
        CAPTURE(password);
        const auto reason = judged(password, {});
        const auto said = warning(password);
        CHECK(said.empty() == reason.empty());
        if (!reason.empty() && password.size() >= 5)
            CHECK(said == "pwadmin: warning: w" + reason.substr(1) + "\n");
    }
    // A policy that the administrator wrote.
    system.root.write("/etc/passwdqc.conf", "min=40,40,40,40,40\n");
    CHECK(warning(strong).find("too short") != std::string::npos);
    CHECK(judged(strong, {"config=" + system.root.path("/etc/passwdqc.conf")}).find("too short") !=
          std::string::npos);
    const System lax{"PASS_CHANGE_TRIES 2\n"};
    lax.root.write("/etc/passwdqc.conf", "enforce=none\n");
    CHECK(dialogue(System::as_user(lax.words({"joe"})), {{"Old password: ", "old"},
                                                         {"New password: ", "simple"},
                                                         {"to use it anyway", ""},
                                                         {"New password: ", "simple"},
                                                         {"again: ", "simple"}}) == 0);
    system.root.write("/etc/passwdqc.conf", "nonsense=1\n");
    const auto before = system.shadow();
    const auto wrong = run({.argv = system.words({"--stdin", "joe"}), .input = strong});
    CHECK(wrong.status == 3);
    CHECK(wrong.err.find("nonsense=1") != std::string::npos);
    CHECK(system.shadow() == before);
}
#endif
