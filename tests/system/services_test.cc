// The files in services/ work as they are, except for names, ports and folders.
#include "support/live_service.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace poppass;
using namespace poppass::test;

namespace {

constexpr uid_t file_owner = 64'906;

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

Outcome change(const std::string& port, const std::string& old_password,
               const std::string& new_password, const std::string& user = "joe") {
    return run({.argv = {"tcpclient", "-HRl0", "127.0.0.1", port, built("poppass-client"), "-u",
                         user, "--stdin"},
                .input = old_password + "\n" + new_password + "\n",
                // `confined` asks systemd for each set of system calls, which takes long on a busy
                // machine.
                .timeout = milliseconds{120'000}});
}

// systemd knows units by the names of their files.
std::string unit_file(const CredentialFixture& fixture, const std::string& name,
                      const Words& changes = {}) {
    const auto folder = fixture.file("units");
    std::filesystem::create_directories(folder);
    const auto path = folder + "/" + name;
    write_file(path, fixture.service_text("systemd/" + name + ".in", changes));
    return path;
}

bool lacks_clients() {
    return missing(have_program("tcpserver") && have_program("tcpclient"), "tcpclient (ucspi-tcp)");
}

void check_change(LiveService& service) {
    const std::string good = "Hood4decree6Judge";
    auto end = change(service.port(), "wrong", good);
    INFO(service.log());
    CHECK(end.status == 1);
    if (is_built("setpw-quality")) {
        end = change(service.port(), "old", "short");
        CHECK(end.status == 1);
        CHECK(holds(end.err, "refused: Weak password"));
    }
    end = change(service.port(), "old", good);
    INFO(end.err << service.log());
    CHECK(end.status == 0);
    CHECK(service.accepts(good));
}

// A service directory as this kind of super-server needs it.
std::string service_directory(LiveService& service, const std::string& kind,
                              const std::string& port) {
    const auto directory = service.file(kind);
    std::filesystem::create_directories(directory + "/env");
    write_file(
        directory + "/run",
        service.service_text(kind + "/run.in", {"127.0.0.1 106 ", "127.0.0.1 " + port + " "}),
        0755);
    write_file(directory + "/env/PASSWORD_COMMAND", service.service_text("PASSWORD_COMMAND.in"));
    write_file(directory + "/env/POPPASS_AFTER", service.service_text("POPPASS_AFTER.in"));
    write_file(directory + "/env/POPPASS_FILE", service.file("users") + "\n");
    write_file(directory + "/env/POPPASS_DELAY", "1\n");
    return directory;
}

} // namespace

TEST_CASE("systemd takes the units, and rates them") {
    if (missing(have_program("systemd-analyze"), "systemd-analyze (systemd)")) return;
    struct Case {
        std::string name;
        std::string link;
        int most; // the highest exposure level of systemd, in tenths
    };
    CredentialFixture fixture;
    for (const auto& [name, link, most] :
         {Case{"poppass", "checkpw", 10}, Case{"poppass-pam", "setpw-pam", 15},
          Case{"poppass-ldap", "setpw-ldap", 15}}) {
        CAPTURE(name);
        // A unit of a program that this build does not have is not tested.
        Words stand_ins;
        for (const std::string program : {"checkpw-pam", "setpw-pam", "checkpw-ldap", "setpw-ldap"})
            if (holds(read_file(beside_tests("../services/systemd/" + name + "@.service.in")),
                      "@sbindir@/" + program) &&
                !is_built(program)) {
                stand_ins.push_back("@sbindir@/" + program);
                stand_ins.push_back("/bin/true");
            }
        const auto unit = unit_file(fixture, name + "@.service", stand_ins);
        const auto socket = fixture.file("units/" + name + ".socket");
        write_file(socket, fixture.service_text("systemd/poppass.socket.in", {"@store@", name}));
        const auto verified =
            run({.argv = {"systemd-analyze", "--man=no", "verify", unit, socket}});
        INFO(verified.err);
        CHECK(verified.status == 0);
        CHECK(verified.err.empty());
        const auto rated =
            run({.argv = {"systemd-analyze", "security", "--offline=true", "--no-pager",
                          "--threshold=" + std::to_string(most), unit}});
        const auto level = rated.out.find("Overall exposure level");
        REQUIRE(level != std::string::npos);
        INFO(rated.out.substr(level));
        CHECK(rated.status == 0);
        const auto text = read_file(unit);
        // POPPASS_RUN, the times from SIGTERM to SIGKILL and from there to the end of the wait, and
        // POPPASS_DELAY, as they are by default.
        const auto stop = text.find("\nTimeoutStopSec=");
        REQUIRE(stop != text.npos);
        CHECK(std::stoi(text.substr(stop + 16)) > 60 + 5 + 5 + 5);
        CHECK_FALSE(holds(text, "\nEnvironment=POPPASS_"));
        for (const char* const line : {"\nKillMode=mixed\n", "\nStandardInput=socket\n",
                                       "\nStandardError=journal\n", "\nLimitCORE=0\n"})
            CHECK(holds(text, line));
    }
}

TEST_CASE("systemd takes the units of the notice") {
    if (missing(have_program("systemd-analyze"), "systemd-analyze (systemd)")) return;
    CredentialFixture fixture;
    const auto verified = run({.argv = {"systemd-analyze", "--man=no", "verify",
                                        unit_file(fixture, "poppass-notice.service"),
                                        unit_file(fixture, "poppass-notice.socket")}});
    CHECK(verified.status == 0);
    CHECK(verified.err == "");
}

// Passes an accepted connection, as a socket unit does, to what a service unit starts, within its
// limits.
namespace {

bool cannot_confine() {
    return lacks_clients() || missing(::geteuid() == 0, "root") ||
           missing(have_program("systemd-analyze") && have_program("systemd-socket-activate"),
                   "systemd's tools (systemd)") ||
           missing(is_built("confined"), "a kernel and processor that its limits are known of") ||
           // A plain chroot has neither of them.
           missing(in_child([] { return ::unshare(CLONE_NEWUSER) == 0 ? 0 : 1; }) == 0 &&
                       can_mount(),
                   "user namespaces, and mounts of its own");
}

Words activated(const std::string& port, const std::string& unit, const Words& before = {}) {
    Words words{"systemd-socket-activate", "--inetd", "-a", "-l", "127.0.0.1:" + port};
    words.insert(words.end(), before.begin(), before.end());
    for (const auto& word : {built("confined"), unit, std::string{BUILD_ROOT}})
        words.push_back(word);
    return words;
}

} // namespace

TEST_CASE("a change works within the limits of poppass@.service") {
    if (cannot_confine()) return;
    LiveService service;
    const auto owner = std::to_string(file_owner);
    REQUIRE(run({.argv = {"chown", "-R", owner + ":" + owner, service.directory()}}).status == 0);
    // A notice is queued, in a directory that the unit may not write to.
    TemporaryDirectory outside{"/run"};
    REQUIRE(::chmod(outside.path().c_str(), 0755) == 0);
    const auto queue = outside.file("queue"), text = outside.file("text");
    REQUIRE(::mkfifo(queue.c_str(), 0222) == 0);
    REQUIRE(::chmod(queue.c_str(), 0222) == 0);
    const auto queued = Fd{::open(queue.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    REQUIRE(queued.get() >= 0);
    write_file(text, "To: %u\n", 0644);
    const Words changes{"User=poppass-users",
                        "User=" + owner,
                        "Group=poppass-users",
                        "Group=" + owner,
                        "/run/poppass-notice\"",
                        queue + " " + text + "\"",
                        "\nUMask=",
                        "\nEnvironment=POPPASS_FILE=" + service.file("users") +
                            "\nEnvironment=POPPASS_DELAY=1\nUMask="};
    const auto unit = unit_file(service, "poppass@.service", changes);
    const auto port = free_port();
    service.start(activated(port, unit), port);
    check_change(service);
    CHECK(service.log_has("event=change result=changed user=joe ip=127.0.0.1"));
    CHECK(service.log_has("event=after result=done user=joe ip=127.0.0.1"));
    std::string line(64, '\0');
    line.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::read(queued.get(), line.data(), line.size()))));
    CHECK(line == "joe \n");
    struct stat file {};
    REQUIRE(::stat(service.file("users").c_str(), &file) == 0);
    CHECK(file.st_uid == file_owner);

    // The limits are in force: with lower limits it does not work.
    auto less = changes;
    less.insert(less.end(), {"SystemCallFilter=capset\n", ""});
    write_file(unit, service.service_text("systemd/poppass@.service.in", less));
    auto end = change(port, "Hood4decree6Judge", "Sheep7table2Vivid");
    CHECK(end.status == 111);
    CHECK(service.log_has("drop\\x20capabilities"));
    less = changes;
    less.insert(less.end(), {"ReadWritePaths=@confdir@\n", ""});
    write_file(unit, service.service_text("systemd/poppass@.service.in", less));
    end = change(port, "Hood4decree6Judge", "Sheep7table2Vivid");
    CHECK(end.status == 111);
    CHECK(service.accepts("Hood4decree6Judge"));

    // Hooks can be run within the limits too.
    auto hooks = changes;
    hooks.insert(hooks.end(), {"@policy@", "@sbindir@/setpw-hook --before /bin/true --after "
                                           "/bin/true -- "});
    write_file(unit, service.service_text("systemd/poppass@.service.in", hooks));
    end = change(port, "Hood4decree6Judge", "Sheep7table2Vivid");
    INFO(end.err << service.log());
    CHECK(end.status == 0);
    CHECK(service.accepts("Sheep7table2Vivid"));
    CHECK(service.log_has("--after is done"));
}

TEST_CASE("a change works within the limits of poppass-pam@.service") {
    if (cannot_confine() || missing(is_built("checkpw-pam") && is_built("setpw-pam"),
                                    "checkpw-pam and setpw-pam (libpam)"))
        return;
    LiveService service;
    // A whole /etc of its own, with a user and with rules that need much.
    const auto etc = service.file("etc");
    const auto prepare =
        "cp -a /etc '" + etc + "' && cd '" + etc +
        "' && echo 'joe:x:2345:2345::/:/bin/sh' >>passwd && hash=$(cut -d: -f2 '" +
        service.file("users") +
        "') && echo \"joe:$hash:20000:0:99999:7:::\" >>shadow && printf '%s\\n' "
        "'auth required pam_unix.so' 'account required pam_unix.so' "
        "'password required pam_pwhistory.so remember=3' "
        "'password required pam_unix.so use_authtok minlen=6 sha512' >pam.d/poppass";
    REQUIRE(run({.argv = {"/bin/sh", "-c", prepare}}).status == 0);
    const auto unit = unit_file(service, "poppass-pam@.service",
                                {"\nUMask=", "\nEnvironment=POPPASS_DELAY=1\nUMask="});
    const auto port = free_port();
    service.start(
        activated(port, unit,
                  {"/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c",
                   "mount --bind '" + etc + "' /etc && mount -t tmpfs tmpfs /run && exec \"$@\"",
                   "sh"}),
        port);
    auto end = change(port, "wrong", "much longer");
    CHECK(end.status == 1);
    end = change(port, "old", "tiny");
    CHECK(end.status == 1);
    CHECK(holds(end.err, "longer password"));
    end = change(port, "old", "much longer");
    INFO(end.err << service.log());
    CHECK(end.status == 0);
    end = change(port, "much longer", "much longer still");
    CHECK(end.status == 0);
    end = change(port, "much longer still", "much longer");
    CHECK(end.status == 1);
    CHECK(holds(end.err, "already used"));
    CHECK(service.log_has("event=change result=changed user=joe ip=127.0.0.1"));
    struct stat ours {
    }, theirs{};
    REQUIRE(::stat((etc + "/shadow").c_str(), &ours) == 0);
    REQUIRE(::stat("/etc/shadow", &theirs) == 0);
    CHECK(ours.st_gid == theirs.st_gid);
    CHECK(ours.st_mode == theirs.st_mode);
}

TEST_CASE("daemontools, runit and s6: the run scripts") {
    if (lacks_clients()) return;
    struct Case {
        std::string kind;
        Words needed;
    };
    for (const auto& [kind, needed] :
         {Case{"daemontools", {"envdir"}}, Case{"runit", {"chpst", "tcpsvd"}},
          Case{"s6", {"s6-envdir"}}}) {
        CAPTURE(kind);
        bool all = true;
        for (const auto& program : needed) all = all && have_program(program);
        if (missing(all, kind + " (" + needed[0] + ", ...)")) continue;
        LiveService service;
        const auto port = free_port();
        const auto directory = service_directory(service, kind, port);
        // It does not run under a supervisor, because a supervisor would put it into a process
        // group that outlives the test.
        service.start({"/bin/sh", "-c", "cd \"$0\" && exec ./run", directory}, port);
        check_change(service);
        CHECK(run({.argv = {"/bin/sh", "-n", beside_tests("../services/" + kind + "/log/run")}})
                  .status == 0);
    }
}

TEST_CASE("inetd and xinetd: the entries") {
    if (lacks_clients() || missing(::geteuid() == 0, "root")) return;
    const auto inetd = unpacked("/usr/sbin/inetd");
    const auto xinetd = unpacked("/usr/sbin/xinetd");
    if (!missing(!inetd.empty(), "inetd (openbsd-inetd)")) {
        LiveService service;
        const auto port = free_port();
        const auto conf =
            service.service_file("inetd/poppassd.in", {"127.0.0.1:106", "127.0.0.1:" + port});
        service.start({inetd, "-i", conf}, port);
        check_change(service);
    }
    if (!missing(!xinetd.empty(), "xinetd")) {
        LiveService service;
        const auto port = free_port();
        const auto conf =
            service.service_file("xinetd/poppassd.in", {"port = 106", "port = " + port});
        service.start({xinetd, "-dontfork", "-f", conf, "-pidfile", service.file("pid")}, port);
        check_change(service);
    }
}
