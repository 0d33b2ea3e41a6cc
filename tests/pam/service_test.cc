// Whether PAM would take a service's own rules.
#include "pam/service.hh"
#include "support/program.hh"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

constexpr std::string_view all[] = {"auth", "account", "password"};
constexpr std::string_view to_check[] = {"auth", "account"};

// "" if all is well.
std::string check(std::span<const std::string_view> types, std::span<const char* const> directories,
                  std::string_view service = "s") {
    const auto done = check_service(service, types, directories);
    if (!done) CHECK(done.error().status == ExitStatus::temporary);
    return done ? "" : done.error().message();
}

struct Files {
    Files(const std::map<std::string, std::string>& files) {
        for (const auto& [name, text] : files) write_file(directory.file(name), text);
    }
    std::string check(std::span<const std::string_view> types) const {
        const char* const directories[] = {directory.path().c_str()};
        return ::check(types, directories);
    }
    TemporaryDirectory directory;
};

} // namespace

TEST_CASE("names of services") {
    CHECK(*check_service_name("poppass") == "poppass");
    CHECK(*check_service_name("Pop-Pass_1.x") == "pop-pass_1.x"); // as libpam does
    for (const auto* const name : {"", ".", "..", ".hidden", "a/b", "/etc/pam.d/login", "../login",
                                   "passwd", "chpasswd", "PassWd"}) {
        CAPTURE(name);
        REQUIRE_FALSE(check_service_name(name));
        CHECK(check_service_name(name).error().status == ExitStatus::misused);
    }
}

TEST_CASE("a file with lines of each type") {
    const Files files{{{"s", "# comment\n"
                             "auth required pam_unix.so\n"
                             "\n"
                             "-ACCOUNT\trequired pam_unix.so # another\n"
                             "  password \\\n  required pam_unix.so"}}};
    CHECK(files.check(all) == "");
    CHECK(files.check(to_check) == "");
}

TEST_CASE("a file that lacks a type would get that of `other`") {
    const Files files{{{"s", "auth required pam_unix.so\n"
                             "#account required pam_unix.so\n"
                             "session required pam_unix.so account\n"
                             "accounting required pam_unix.so\n"
                             "acc required pam_unix.so\n"
                             "password required pam_unix.so\n"},
                       {"other", "account required pam_unix.so\n"}}};
    CHECK(files.check(all) == "PAM service s: its file has no line for account");
    CHECK(files.check(to_check) == "PAM service s: its file has no line for account");
    constexpr std::string_view auth[] = {"auth"};
    CHECK(files.check(auth) == "");
    CHECK(Files{{{"s", ""}}}.check(auth) == "PAM service s: its file has no line for auth");
    CHECK(Files{{{"s", "auth"}}}.check(auth) == ""); // libpam refuses it later
}

TEST_CASE("files that are included count") {
    SUBCASE("@include, as on Debian: all types of the other file") {
        const Files files{{{"s", "@include one\n@include two\n"},
                           {"one", "auth required pam_unix.so\n"},
                           {"two", "account required pam_unix.so\n"}}};
        CHECK(files.check(to_check) == "");
        CHECK(files.check(all) == "PAM service s: its file has no line for password");
    }
    SUBCASE("include, as elsewhere: one type of the other file") {
        const Files files{{{"s", "auth include one\naccount Include one\npassword substack one\n"},
                           {"one", "auth required pam_unix.so\naccount required pam_unix.so\n"}}};
        // A substack counts as a line.
        CHECK(files.check(all) == "");
    }
    SUBCASE("an include of a file without the type does not count") {
        const Files files{{{"s", "auth include one\naccount include one\n"},
                           {"one", "account required pam_unix.so\n"}}};
        CHECK(files.check(to_check) == "PAM service s: its file has no line for auth");
    }
    SUBCASE("by a path") {
        const Files other{{{"rules", "auth required x\naccount required x\n"}}};
        const Files files{{{"s", "@include " + other.directory.file("rules") + "\n"}}};
        CHECK(files.check(to_check) == "");
    }
    SUBCASE("one that is missing") {
        const Files files{{{"s", "@include none\nauth required x\naccount required x\n"}}};
        CHECK(files.check(to_check) ==
              "PAM service s: there is no file " + files.directory.file("none"));
        const Files path{{{"s", "auth include /nonexistent/file\n"}}};
        CHECK(path.check(to_check) == "PAM service s: there is no file /nonexistent/file");
    }
    SUBCASE("a loop") {
        const Files files{{{"s", "@include s\nauth required x\n"}}};
        CHECK(files.check(to_check) == "PAM service s: s is included too deeply");
    }
    SUBCASE("an include of nothing") {
        const Files files{{{"s", "auth include\n"}}};
        CHECK(files.check(to_check) != "");
    }
}

TEST_CASE("where libpam looks for a service") {
    const TemporaryDirectory first, second;
    const char* const directories[] = {"/nonexistent", first.path().c_str(), second.path().c_str()};
    CHECK(check(to_check, directories) == "PAM service s: there is no file /nonexistent/s");
    write_file(second.file("s"), "auth required x\naccount required x\n");
    CHECK(check(to_check, directories) == "");
    CHECK(check(to_check, directories, "S") != ""); // the caller makes names lower case
    // Only the first file counts.
    write_file(first.file("s"), "auth required x\n");
    CHECK(check(to_check, directories) == "PAM service s: its file has no line for account");
    // A file that cannot be read is not skipped.
    ::unlink(first.file("s").c_str());
    REQUIRE(::mkdir(first.file("s").c_str(), 0700) == 0);
    CHECK(check(to_check, directories) != "");
}

TEST_CASE("if none of the directories exists, PAM is configured otherwise") {
    const char* const directories[] = {"/nonexistent", "/etc/passwd"};
    CHECK(check(to_check, directories) == "");
}

TEST_CASE("files that contain no rules") {
    CHECK(Files{{{"s", std::string(70'000, 'x')}}}.check(to_check) ==
          "PAM service s: s is too long");
    CHECK(Files{{{"s", std::string(1000, '\0')}}}.check(to_check) ==
          "PAM service s: its file has no line for auth");
    CHECK(Files{{{"s", "auth \\"}}}.check(to_check) != "");
}

TEST_CASE("the rules that are shipped are whole") {
    // The files that they include are those of the system.
    const std::map<std::string, std::string> included{
        {"common-auth", "auth required x\n"},
        {"common-account", "account required x\n"},
        {"common-password", "password required x\n"},
        {"password-auth", "auth required x\naccount required x\npassword required x\n"}};
    for (const auto* const flavour : {"debian", "redhat"}) {
        auto files = included;
        files["s"] = read_file(beside_tests(std::string{"../services/pam.d/poppass."} + flavour));
        CHECK(Files{files}.check(all) == "");
    }
}

TEST_CASE("the system's own directories") {
    const auto directories = pam_directories();
    REQUIRE_FALSE(directories.empty());
    CHECK(directories.front() == std::string_view{"/etc/pam.d"});
}
