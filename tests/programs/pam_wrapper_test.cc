// PAM's programs without root: with pam_wrapper, uid_wrapper and nss_wrapper, and with pam_matrix
// as the module. The service is called `login`, because every system has a file for it. pam_wrapper
// replaces that file by ours.
#include "support/program.hh"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <unistd.h>

using namespace poppass::test;

namespace {

const std::string service = "login";

// The path in Debian, and the paths in other systems.
std::string pam_matrix() {
    for (const auto* const folder :
         {"/usr/lib/x86_64-linux-gnu/pam_wrapper/", "/usr/lib/aarch64-linux-gnu/pam_wrapper/",
          "/usr/lib64/pam_wrapper/", "/usr/lib/pam_wrapper/"})
        if (const auto path = std::string{folder} + "pam_matrix.so";
            ::access(path.c_str(), R_OK) == 0)
            return path;
    return {};
}

bool lacks_wrappers() {
    if (missing(::access(("/etc/pam.d/" + service).c_str(), R_OK) == 0, "/etc/pam.d/login"))
        return true;
    if (missing(!pam_matrix().empty(), "pam_matrix")) return true;
    // Tries it with our own program, because a sanitizer in it refuses libraries that are loaded
    // before it.
    const auto end = run({.argv = {built("checkpw-pam"), "--version"},
                          .environment = {{"LD_PRELOAD", "libpam_wrapper.so libuid_wrapper.so "
                                                         "libnss_wrapper.so"}}});
    return missing(end.err.empty(), "pam_wrapper, uid_wrapper and nss_wrapper");
}

class World {
public:
    World() {
        rules("verbose");
        write("db", "joe:old:" + service + "\nann:other:none\nlow:old:" + service +
                        "\ngone:old:" + service + "\n");
        write("passwd", "joe:x:1500:1500:Joe:/home/joe:/bin/sh\nann:x:1501:1501::/home/ann:\n"
                        "low:x:999:999::/:\n");
        write("group", "joe:x:1500:\n");
    }

    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // pam_wrapper does not clean up after a program that has called exec.
    ~World() {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator{"/tmp", ignored}) {
            const auto path = entry.path().string();
            if (!path.starts_with("/tmp/pam.") || ::access((path + "/pid").c_str(), R_OK) != 0)
                continue;
            const auto pid = static_cast<pid_t>(std::atoi(read_file(path + "/pid").c_str()));
            if (pid > 0 && has_ended(pid, milliseconds{0}))
                std::filesystem::remove_all(path, ignored);
        }
    }

    void rules(const std::string& options) {
        std::string text;
        for (const auto* const type : {"auth", "account", "password"})
            text += std::string{type} + " required " + pam_matrix() +
                    " passdb=" + directory.file("db") + " " + options + "\n";
        write(service, text);
        write("other", "auth required pam_deny.so\naccount required pam_deny.so\n"
                       "password required pam_deny.so\n");
    }

    std::string passwords() const { return read_file(directory.file("db")); }

    Outcome run(const std::string& name, const std::string& record,
                std::vector<std::string> words = {}) const {
        Program program{.argv = {built(name), "-s", service}, .record = record};
        program.argv.insert(program.argv.end(), words.begin(), words.end());
        program.environment = {
            {"LD_PRELOAD", "libpam_wrapper.so libuid_wrapper.so libnss_wrapper.so"},
            {"PAM_WRAPPER", "1"},
            {"PAM_WRAPPER_SERVICE_DIR", directory.path()},
            {"UID_WRAPPER", "1"},
            {"UID_WRAPPER_ROOT", "1"},
            {"NSS_WRAPPER_PASSWD", directory.file("passwd")},
            {"NSS_WRAPPER_GROUP", directory.file("group")},
            {"UID", std::nullopt},
            {"DOVECOT_VERSION", std::nullopt},
            {"NATIVE_CHECKPASSWORD", std::nullopt}};
        if (::geteuid() == 0) program.as = nobody;
        return poppass::test::run(program);
    }
    int check(const std::string& record, std::vector<std::string> words = {}) const {
        const auto end = run("checkpw-pam", record, std::move(words));
        CHECK(end.out == "");
        return end.status;
    }

    TemporaryDirectory directory;

private:
    // This process may be root, but the programs are not.
    void write(const std::string& name, const std::string& text) const {
        const auto own = [](const std::string& path) {
            if (::geteuid() == 0 && ::chown(path.c_str(), nobody.uid, nobody.gid) != 0)
                throw std::runtime_error{"chown " + path};
        };
        write_file(directory.file(name), text, 0600);
        own(directory.file(name));
        own(directory.path());
    }
};

} // namespace

TEST_CASE("without root: the next link gets the record") {
    if (lacks_wrappers()) return;
    const World world;
    const auto record = bytes("joe\0wrong\0\0\0");
    const auto end = world.run("checkpw-pam", record, {"--", "/bin/sh", "-c", "cat <&3", "false"});
    CHECK(end.status == 0);
    CHECK(end.out == record);
}

TEST_CASE("without root: the check") {
    if (lacks_wrappers()) return;
    const World world;
    CHECK(world.check(bytes("joe\0old\0\0\0")) == 0);
    CHECK(world.check(bytes("joe\0wrong\0\0\0")) == 1);
    CHECK(world.check(bytes("joe\0\0\0\0")) == 1);
    CHECK(world.check(bytes("nobody-here\0old\0\0\0")) == 1);
    CHECK(world.check(bytes("gone\0old\0\0\0")) == 0); // PAM knows this user, and nothing else does
    CHECK(world.check(bytes("ann\0other\0\0\0")) == 1); // the password of another service
    CHECK(world.check(bytes("low\0old\0\0\0")) == 1);
    CHECK(world.check(bytes("low\0old\0\0\0"), {"--min-uid", "999"}) == 0);
    CHECK(world.check(bytes("joe@example.org\0old\0\0\0"), {"--strip", "*"}) == 0);
    CHECK(world.check(bytes("joe\0old\0")) == 2);
}

TEST_CASE("without root: the change") {
    if (lacks_wrappers()) return;
    const World world;
    auto end = world.run("setpw-pam", bytes("joe\0wrong\0\0new\0"));
    CHECK(end.status == 1);
    CHECK(end.out == "553 Sorry, old password is incorrect (#5.7.1)\n");
    CHECK(world.passwords().starts_with("joe:old:"));
    end = world.run("setpw-pam", bytes("ann\0other\0\0new\0"));
    CHECK(end.status == 1);
    CHECK(world.passwords().find("ann:other:") != std::string::npos);
    end = world.run("setpw-pam", bytes("joe\0old\0\0new one\0"), {"--debug"});
    CHECK(end.status == 0);
    CHECK(end.out == "");
    CHECK(end.err.find("hidden prompt \"Verify New Password :\": the new password\n") !=
          std::string::npos);
    CHECK(world.passwords().find("joe:new one:") != std::string::npos);
    CHECK(world.check(bytes("joe\0old\0\0\0")) == 1);
    CHECK(world.check(bytes("joe\0new one\0\0\0")) == 0);
}

TEST_CASE("without root: messages that take no answer are survived, prompts with echo are not") {
    if (lacks_wrappers()) return;
    World world; // its modules are verbose, and report success and failure
    CHECK(world.check(bytes("joe\0old\0\0\0")) == 0);
    world.rules("echo");
    const auto end = world.run("checkpw-pam", bytes("joe\0old\0\0\0"));
    CHECK(end.status == 111);
    CHECK(end.err.find("authentication: a module asks for something else than a password\n") !=
          std::string::npos);
    const auto change = world.run("setpw-pam", bytes("joe\0old\0\0new\0"));
    CHECK(change.status == 111);
    CHECK(change.out ==
          "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n");
    CHECK(world.passwords().starts_with("joe:old:"));
}

TEST_CASE("without root: a locale changes nothing") {
    if (lacks_wrappers()) return;
    const World world;
    const ScopedVariable all{"LC_ALL", "de_DE.UTF-8"}, language{"LANGUAGE", "de"};
    CHECK(world.run("setpw-pam", bytes("joe\0old\0\0new\0")).status == 0);
}
