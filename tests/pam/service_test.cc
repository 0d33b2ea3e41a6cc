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
    CHECK(files.check(all) ==
          "PAM service s: its file has no line for account: add one, as checkpw-pam(8) shows");
    CHECK(files.check(to_check) ==
          "PAM service s: its file has no line for account: add one, as checkpw-pam(8) shows");
    constexpr std::string_view auth[] = {"auth"};
    CHECK(files.check(auth) == "");
    CHECK(Files{{{"s", ""}}}.check(auth) ==
          "PAM service s: its file has no line for auth: add one, as checkpw-pam(8) shows");
    CHECK(Files{{{"s", "auth"}}}.check(auth) == ""); // libpam refuses it later
}

TEST_CASE("files that are included count") {
    SUBCASE("@include, as on Debian: all types of the other file") {
        const Files files{{{"s", "@include one\n@include two\n"},
                           {"one", "auth required pam_unix.so\n"},
                           {"two", "account required pam_unix.so\n"}}};
        CHECK(files.check(to_check) == "");
        CHECK(files.check(all) ==
              "PAM service s: its file has no line for password: add one, as checkpw-pam(8) shows");
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
        CHECK(files.check(to_check) ==
              "PAM service s: its file has no line for auth: add one, as checkpw-pam(8) shows");
    }
    SUBCASE("by a path") {
        const Files other{{{"rules", "auth required x\naccount required x\n"}}};
        const Files files{{{"s", "@include " + other.directory.file("rules") + "\n"}}};
        CHECK(files.check(to_check) == "");
    }
    SUBCASE("one that is missing") {
        const Files files{{{"s", "@include none\nauth required x\naccount required x\n"}}};
        CHECK(files.check(to_check) == "PAM service s: there is no file " +
                                           files.directory.file("none") +
                                           ": make it, or correct the name");
        const Files path{{{"s", "auth include /nonexistent/file\n"}}};
        CHECK(path.check(to_check) ==
              "PAM service s: there is no file /nonexistent/file: make it, or correct the name");
    }
    SUBCASE("a loop") {
        const Files files{{{"s", "@include s\nauth required x\n"}}};
        CHECK(files.check(to_check) ==
              "PAM service s: s is included too deeply: does it include itself?");
    }
    SUBCASE("an include of nothing") {
        const Files files{{{"s", "auth include\n"}}};
        CHECK(files.check(to_check) != "");
    }
}

TEST_CASE("where libpam looks for a service") {
    const TemporaryDirectory first, second;
    const char* const directories[] = {"/nonexistent", first.path().c_str(), second.path().c_str()};
    CHECK(check(to_check, directories) ==
          "PAM service s: there is no file /nonexistent/s: make it, or correct the name");
    write_file(second.file("s"), "auth required x\naccount required x\n");
    CHECK(check(to_check, directories) == "");
    CHECK(check(to_check, directories, "S") != ""); // the caller makes names lower case
    // Only the first file counts.
    write_file(first.file("s"), "auth required x\n");
    CHECK(check(to_check, directories) ==
          "PAM service s: its file has no line for account: add one, as checkpw-pam(8) shows");
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
    const Files big{{{"s", std::string(70'000, 'x')}}};
    CHECK(big.check(to_check) ==
          "PAM service s: " + big.directory.file("s") + " is too long: shorten it");
    CHECK(Files{{{"s", std::string(1000, '\0')}}}.check(to_check) ==
          "PAM service s: its file has no line for auth: add one, as checkpw-pam(8) shows");
    CHECK(Files{{{"s", "auth \\"}}}.check(to_check) != "");
}

TEST_CASE("modules that are missing") {
    const Files modules{{{"here.so", ""}}};
    const auto look = [&](const std::map<std::string, std::string>& rules) {
        const Files files{rules};
        const char* const directories[] = {files.directory.path().c_str()};
        poppass::Report report;
        look_over_modules("s", all, directories, modules.directory.path(), report);
        std::string found;
        for (const auto& line : report.lines())
            found += (line.level == poppass::Report::Level::error ? "error " : "warning ") +
                     line.subject.substr(line.subject.rfind('/') + 1) + " " +
                     line.text.substr(0, line.text.find(" names")) + "\n";
        return found;
    };
    CHECK(look({{"s", "auth required here.so\naccount required " +
                          modules.directory.file("here.so") + "\n"}}) == "");
    CHECK(look({{"s", "auth required gone.so\nsession required gone.so\n"}}) == "error s line 1\n");
    // Lines that are continued count.
    CHECK(look({{"s", "# one\nauth \\\n required \\\n here.so\n\tauth requisite gone.so x\n"}}) ==
          "error s line 5\n");
    for (const std::string control : {"required", "REQUISITE", "[success=1 default=die]",
                                      "[success=ok]", "[default=ignore module_unknown=bad]"}) {
        CHECK(look({{"s", "auth " + control + " gone.so\n"}}) == "error s line 1\n");
        CHECK(look({{"s", "-auth " + control + " gone.so\n"}}) == "error s line 1\n");
    }
    for (const std::string control : {"optional", "Sufficient", "[success=1 default=ignore]",
                                      "[default=bad module_unknown=ignore]"}) {
        CHECK(look({{"s", "auth " + control + " gone.so\n"}}) == "warning s line 1\n");
        CHECK(look({{"s", "-auth " + control + " gone.so\n"}}) == "");
    }
    CHECK(look({{"s", "auth required\n"}}) == "error s line 1\n");
    CHECK(look({{"s", "auth required /lib/security/$ISA/gone.so\n"}}) == "");
    // Files that are included.
    CHECK(
        look({{"s", "@include one\nauth include two\naccount substack two\n"},
              {"one", "\nauth required gone.so\n"},
              {"two", "auth required here.so\naccount optional gone.so\nauth required x.so\n"}}) ==
        "error one line 2\nerror two line 3\nwarning two line 2\n");
    CHECK(look({{"s", "auth required here.so\nauth substack none\n"}}).find("no file") !=
          std::string::npos);
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
