// The fail2ban filter and jail, tested with fail2ban's own programs on log lines that poppass
// wrote.
#include "support/live_service.hh"

#include <doctest/doctest.h>
#include <filesystem>
#include <unistd.h>

using namespace poppass::test;

namespace {

const std::string folder = beside_tests("../services/fail2ban");

bool have_fail2ban() { return ::access("/usr/bin/fail2ban-regex", X_OK) == 0; }

// What poppass logs about a client at `address` that tries these names with a wrong password.
std::string log_of(const std::vector<std::string>& names, const std::string& address,
                   const std::string& check = "exit 1") {
    std::string input;
    for (const auto& name : names) input += "user " + name + "\r\npass wrong\r\n";
    const auto outcome =
        run({.argv = {built("poppass"), "test.example", "/bin/sh", "-c", check, "false"},
             .environment = {{"TCPREMOTEIP", address},
                             {"PROTO", std::nullopt},
                             {"UID", std::nullopt},
                             {"GID", std::nullopt},
                             {"PASSWORD_COMMAND", "/bin/false"},
                             {"POPPASS_DELAY", "0"},
                             {"POPPASS_TRIES", "100"}},
             .input = input});
    CHECK(outcome.status == 0);
    return outcome.err;
}

// Puts this text before each line, as a logger does.
std::string prefixed(const std::string& log, const std::string& prefix) {
    std::string result;
    for (std::size_t start = 0; start < log.size();) {
        const auto end = log.find('\n', start) + 1;
        result += prefix + log.substr(start, end - start);
        start = end;
    }
    return result;
}

constexpr const char* multilog = "@400000006740000a12345678 ";
constexpr const char* syslog = "Nov 21 04:05:36 mx poppass[123]: ";
constexpr const char* iso_syslog = "2026-11-21T04:05:36.123456+00:00 mx poppass[123]: ";

// The addresses that the filter finds, one a line.
std::string found(const std::string& log) {
    const TemporaryDirectory directory;
    write_file(directory.file("log"), log);
    const auto outcome = run({.argv = {"/usr/bin/fail2ban-regex", "-o", "ip", directory.file("log"),
                                       folder + "/filter.d/poppass.conf"}});
    CHECK_MESSAGE(outcome.status == 0, outcome.err);
    return outcome.out;
}

} // namespace

TEST_CASE("refused checks are found, in every logger's form") {
    if (missing(have_fail2ban(), "fail2ban-regex (fail2ban)")) return;
    const auto log = log_of({"joe", "ann"}, "192.0.2.1");
    REQUIRE(log.find("event=check result=refused user=joe ip=192.0.2.1 ") != std::string::npos);
    for (const char* const prefix : {multilog, syslog, iso_syslog}) {
        CAPTURE(prefix);
        CHECK(found(prefixed(log, prefix)) == "192.0.2.1\n192.0.2.1\n");
    }
    CHECK(found(prefixed(log_of({"joe"}, "2001:db8::1"), multilog)) == "2001:db8::1\n");
    CHECK(found(prefixed(log_of({"joe"}, "::ffff:192.0.2.7"), multilog)) == "192.0.2.7\n");
    CHECK(found(prefixed(log_of({"joe"}, "192.0.2.1", "echo '553-no (#5.7.1)'; exit 1"),
                         multilog)) == "192.0.2.1\n");
}

TEST_CASE("refused checks are found in the logs that the service directories' loggers write") {
    if (missing(have_fail2ban(), "fail2ban-regex (fail2ban)")) return;
    for (const std::string system : {"daemontools", "runit", "s6"}) {
        CAPTURE(system);
        const auto script = read_file(beside_tests("../services/" + system + "/log/run"));
        // The logger comes after the program that changes the account, and the account.
        const auto logger = script.substr(script.rfind(" log ") + 5);
        const auto name = logger.substr(0, logger.find(' '));
        if (missing(have_program(name), name)) continue;
        const TemporaryDirectory directory;
        std::filesystem::create_directory(directory.file("main"));
        const auto written = run({.argv = {"/bin/sh", "-c", "exec " + logger},
                                  .input = log_of({"joe"}, "192.0.2.1"),
                                  .directory = directory.path()});
        CHECK_MESSAGE(written.status == 0, written.err);
        CHECK(found(read_file(directory.file("main/current"))) == "192.0.2.1\n");
    }
}

TEST_CASE("other log lines are not found") {
    if (missing(have_fail2ban(), "fail2ban-regex (fail2ban)")) return;
    std::string log;
    for (const char* const check :
         {"exit 0", "exit 2", "exit 111", "exit 200", "kill -9 $$",
          "echo '454-Too many attempts, try again in 10 seconds (#4.7.0)'; exit 111"})
        log += log_of({"joe"}, "192.0.2.1", check);
    CHECK(found(prefixed(log + log_of({"joe"}, "no address"), multilog)) == "");
}

TEST_CASE("no user name makes another address banned") {
    if (missing(have_fail2ban(), "fail2ban-regex (fail2ban)")) return;
    const std::string forged =
        "event=check result=refused user=x ip=198.51.100.9 pid=1 ms=1 link=x status=1";
    const std::vector<std::string> names{
        forged,
        "joe ip=198.51.100.9",
        "joe ip=198.51.100.9 pid=1 ms=1 link=x status=1",
        "joe\\x20ip=198.51.100.9",
        "joe\tip=198.51.100.9",
        "joe\vip=198.51.100.9 pid=1",
        "joe\x85ip=198.51.100.9 pid=1",
        "joe\xe2\x80\xa8" + forged, // a line separator
        "joe\xc2\xa0ip=198.51.100.9",
        "joe\" ip=\"198.51.100.9",
        "@400000006740000a12345678 " + forged,
        "mx poppass[1]: " + forged,
        "<ADDR>198.51.100.9",
        "198.51.100.9",
        std::string(400, 'x') + " ip=198.51.100.9",
        std::string(400, ' ') + forged,
    };
    std::string log = log_of(names, "192.0.2.1");
    std::string expected;
    for (std::size_t i = 0; i < names.size(); ++i) expected += "192.0.2.1\n";
    // The words of a link, and lines that it writes to the log itself.
    for (const auto& name : names) {
        log += log_of({"joe"}, "192.0.2.1", "printf '553-%s (#5.7.1)\\n' '" + name + "'; exit 1");
        expected += "192.0.2.1\n";
        log += log_of({"joe"}, "192.0.2.1", "printf 'link: %s\\n' '" + name + "' >&2; exit 111");
    }
    for (const char* const prefix : {multilog, syslog, iso_syslog})
        CHECK(found(prefixed(log, prefix)) == expected);
}

TEST_CASE("the journal: what the units and root log, and nothing that a user can write there") {
    if (missing(have_fail2ban(), "fail2ban-regex (fail2ban)")) return;
    auto writer = unpacked("/usr/lib/systemd/systemd-journal-remote");
    if (writer.empty()) writer = unpacked("/lib/systemd/systemd-journal-remote");
    const auto reader = unpacked("/usr/lib/python3/dist-packages/systemd");
    if (missing(!writer.empty(), "systemd-journal-remote") ||
        missing(!reader.empty(), "python3-systemd"))
        return;
    struct Line {
        std::string address, fields;
        bool counts;
    };
    const std::string poppass = "SYSLOG_IDENTIFIER=poppass\n";
    const Line lines[] = {
        {"192.0.2.1", poppass + "_UID=990\n_SYSTEMD_SLICE=system-poppass.slice\n", true},
        {"192.0.2.2", poppass + "_UID=0\n_SYSTEMD_SLICE=system-poppass\\x2dpam.slice\n", true},
        {"192.0.2.3", poppass + "_UID=61184\n_SYSTEMD_SLICE=system-poppass\\x2dldap.slice\n", true},
        {"192.0.2.4", poppass + "_UID=0\n_SYSTEMD_SLICE=system.slice\n", true}, // xinetd
        {"192.0.2.5", poppass + "_UID=1000\n_SYSTEMD_SLICE=user-1000.slice\n", false},
        {"192.0.2.6", poppass + "_UID=1000\nSYSTEMD_SLICE=system-poppass.slice\n", false},
        {"192.0.2.7", "SYSLOG_IDENTIFIER=other\n_UID=0\n_SYSTEMD_SLICE=system.slice\n", false},
    };
    // In journald's export format.
    std::string text;
    std::string expected;
    for (const auto& [address, fields, counts] : lines) {
        const auto log = log_of({"joe"}, address);
        text += "__REALTIME_TIMESTAMP=" + std::to_string(1'795'000'000'000'000 + text.size()) +
                "\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=0123456789abcdef0123456789abcdef\n"
                "_HOSTNAME=mx\n_PID=12\n" +
                fields + "MESSAGE=" + log.substr(0, log.find('\n')) + "\n\n";
        if (counts) expected += address + "\n";
    }
    const TemporaryDirectory directory;
    write_file(directory.file("export"), text);
    const auto journal = directory.file("journal");
    std::filesystem::create_directory(journal);
    // An unpacked writer needs a library that is unpacked beside it.
    const auto written =
        run({.argv = {"/bin/sh", "-c",
                      "root=${1%%/lib/systemd/*}; root=${root%/usr}; "
                      "LD_LIBRARY_PATH=$(echo \"$root\"/usr/lib/*-linux-*) "
                      "exec \"$1\" -o \"$2\" \"$3\"",
                      "sh", writer, journal + "/test.journal", directory.file("export")}});
    REQUIRE_MESSAGE(written.status == 0, written.err);
    const auto outcome =
        run({.argv = {"/usr/bin/fail2ban-regex", "-o", "ip",
                      "systemd-journal[journalpath=" + journal + "]",
                      folder + "/filter.d/poppass.conf"},
             .environment = {{"PYTHONPATH", reader.substr(0, reader.rfind('/'))}}});
    CHECK_MESSAGE(outcome.status == 0, outcome.err);
    CHECK(outcome.out == expected);
}

TEST_CASE("fail2ban takes the jail as it is, and it spares the webmail") {
    if (missing(have_fail2ban(), "fail2ban-client (fail2ban)")) return;
    const TemporaryDirectory directory;
    namespace fs = std::filesystem;
    const auto recursive = fs::copy_options::recursive | fs::copy_options::overwrite_existing;
    fs::copy("/etc/fail2ban", directory.file("etc"), recursive);
    for (const char* const ours : {"filter.d", "jail.d"})
        fs::copy(folder + "/" + ours, directory.file("etc/") + ours, recursive);
    fs::remove(directory.file("etc/jail.d/defaults-debian.conf")); // it needs a log of sshd
    const auto log = directory.file("current");
    write_file(log, "");
    auto jail = read_file(directory.file("etc/jail.d/poppass.conf"));
    // README puts the service there.
    const std::string service = "/etc/service/poppass", path = service + "/log/main/current";
    REQUIRE(read_file(beside_tests("../README.md")).find(" " + service + "\n") !=
            std::string::npos);
    REQUIRE(jail.find("\nlogpath = " + path + "\n") != std::string::npos);
    write_file(directory.file("etc/jail.d/poppass.conf"),
               jail.replace(jail.find(path), path.size(), log));
    const auto outcome =
        run({.argv = {"/usr/bin/fail2ban-client", "-c", directory.file("etc"), "-d"}});
    CHECK_MESSAGE(outcome.status == 0, outcome.err);
    CHECK_MESSAGE(outcome.out.find("['set', 'poppass', 'addignoreip', '127.0.0.0/8', '::1']") !=
                      std::string::npos,
                  outcome.out);
    CHECK(outcome.out.find("['set', 'poppass', 'addlogpath', '" + log) != std::string::npos);
    CHECK(outcome.out.find("event=check result=refused") != std::string::npos);
    CHECK(outcome.out.find("['start', 'poppass']") != std::string::npos);
}
