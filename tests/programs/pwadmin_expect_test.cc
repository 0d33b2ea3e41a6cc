// pwadmin, run from a shell at a terminal by expect.
#include "support/users_file.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass::test;

namespace {

const std::string& hash = hash_of_old;
const std::string before = "joe:" + hash + usual_dates;
// No policy calls these passwords weak.
const std::string strong = "Mumble3ticket.Orchid";
const std::string other = "Quartz!willow9Tambour";

using Events = std::vector<std::string>;

constexpr const char* ctrl_c = "3";
constexpr const char* ctrl_d = "4";
constexpr const char* ctrl_z = "26";
constexpr const char* ctrl_backslash = "28";

struct AtShell : UsersFile {
    std::string program = reachable("pwadmin", directory);

    AtShell() : UsersFile(::before) {}

    std::string line() const { return program + " -f " + path + " -m sha256crypt -c 1000 joe"; }
    void play(const Events& events) const {
        std::vector<std::string> argv{"expect", "-f", beside_tests("system/fixtures/pwadmin.exp"),
                                      "run", line()};
        argv.insert(argv.end(), events.begin(), events.end());
        const auto end = run({.argv = argv, .timeout = milliseconds{60'000}});
        INFO(end.out);
        CHECK(end.status == 0);
        CHECK(end.out == "done\n");
    }
    bool unchanged() const { return content() == before; }
    bool is_password(const std::string& password) const {
        return UsersFile::is_password("joe", password);
    }
};

const bool cannot_run = missing(::access("/usr/bin/expect", X_OK) == 0, "expect");

} // namespace

TEST_CASE("a change: echo is off for each password, and on again") {
    if (cannot_run) return;
    const AtShell shell;
    shell.play({"shows", "Changing password for joe", "shows", "New password: ", "type", strong,
                "shows", "New password again: ", "type", strong, "shows", "password changed",
                "ends", "0"});
    CHECK(shell.is_password(strong));
}

TEST_CASE("after two that differ, or an empty one, it asks again") {
    if (cannot_run) return;
    const AtShell shell;
    shell.play({"shows", "New password: ",
                "type",  strong,
                "shows", "again: ",
                "type",  other,
                "shows", "the two passwords differ; try again",
                "shows", "New password: ",
                "type",  "",
                "shows", "the password is empty; try again",
                "shows", "New password: ",
                "type",  other,
                "shows", "again: ",
                "type",  other,
                "ends",  "0"});
    CHECK(shell.is_password(other));
}

TEST_CASE("too many tries") {
    if (cannot_run) return;
    const AtShell shell;
    Events events;
    for (int i = 0; i < 5; ++i) {
        const Events once{"shows",   "New password: ", "type", strong,  "shows",
                          "again: ", "type",           other,  "shows", "the two passwords differ"};
        events.insert(events.end(), once.begin(), once.end());
    }
    events.insert(events.end(), {"shows", "too many tries", "ends", "1"});
    shell.play(events);
    CHECK(shell.unchanged());
}

TEST_CASE("^C, ^\\ and ^D at either prompt: nothing is done, and echo is on again") {
    if (cannot_run) return;
    for (const auto& [key, status] :
         {std::pair{ctrl_c, "130"}, std::pair{ctrl_d, "3"}, std::pair{ctrl_backslash, "131"}}) {
        CAPTURE(key);
        const AtShell shell;
        shell.play({"shows", "New password: ", "key", key, "ends", status});
        shell.play({"shows", "New password: ", "type", strong, "shows", "again: ", "key", key,
                    "ends", status});
        CHECK(shell.unchanged());
    }
}

TEST_CASE("^Z: echo is on at the shell, and off again after fg") {
    if (cannot_run) return;
    const AtShell shell;
    shell.play({"shows", "New password: ",   "key",  ctrl_z, "ends",  "148",     "run",  "fg",
                "shows", "New password: ",   "type", strong, "shows", "again: ", "type", strong,
                "shows", "password changed", "ends", "0"});
    CHECK(shell.is_password(strong));
}

TEST_CASE("^C while the old password is asked for") {
    if (cannot_run || missing(::geteuid() == 0, "root")) return;
    const AtShell shell;
    REQUIRE(::chmod(shell.directory.path().c_str(), 0755) == 0);
    const std::string as_user =
        "setpriv --reuid=64001 --regid=64001 --clear-groups --inh-caps=+dac_override "
        "--ambient-caps=+dac_override " +
        shell.line();
    const auto end = run({.argv = {"expect",
                                   "-f",
                                   beside_tests("system/fixtures/pwadmin.exp"),
                                   "run",
                                   as_user,
                                   "shows",
                                   "Old password: ",
                                   "key",
                                   ctrl_c,
                                   "ends",
                                   "130",
                                   "run",
                                   as_user,
                                   "shows",
                                   "Old password: ",
                                   "type",
                                   "wrong",
                                   "shows",
                                   "the old password is incorrect",
                                   "ends",
                                   "1"}});
    INFO(end.out);
    CHECK(end.status == 0);
    CHECK(shell.unchanged());
}
