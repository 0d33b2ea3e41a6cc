#include "configuration/configuration.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <list>

using namespace poppass;
using namespace poppass::test;
using Words = std::vector<std::string>;
using std::chrono::seconds;

namespace {

// An environment with nothing in it that poppass reads, but for what is given.
class Settings {
public:
    explicit Settings(const Environment& given) {
        for (const char* const name :
             {"POPPASS_DELAY", "POPPASS_TRIES", "POPPASS_TIMEOUT", "POPPASS_SESSION", "POPPASS_RUN",
              "POPPASS_STRIP", "POPPASS_AFTER", "UID", "GID"})
            variables_.emplace_back(name, std::nullopt);
        variables_.emplace_back("PASSWORD_COMMAND", "/bin/cat");
        for (const auto& [name, value] : given) variables_.emplace_back(name, value);
    }
    Settings(const Settings&) = delete;
    Settings& operator=(const Settings&) = delete;
    ~Settings() {
        while (!variables_.empty()) variables_.pop_back(); // the last one first
    }

private:
    std::list<ScopedVariable> variables_;
};

Result<Configuration> read(const Environment& given, Words words = {"host", "/bin/cat"}) {
    const Settings settings{given};
    return read_configuration(std::move(words));
}

// The error, which must be misuse; "" where there is none.
std::string error_of(const Environment& given, Words words = {"host", "/bin/cat"}) {
    const auto configuration = read(given, std::move(words));
    if (configuration) return "";
    CHECK(configuration.error().status == ExitStatus::misused);
    return configuration.error().message();
}

} // namespace

TEST_CASE("the defaults") {
    const auto configuration = read({});
    REQUIRE(configuration);
    CHECK(configuration->host == "host");
    CHECK(configuration->delay == seconds{5});
    CHECK(configuration->tries == 3);
    CHECK(configuration->line_timeout == seconds{120});
    CHECK(configuration->session_limit == seconds{600});
    CHECK(configuration->chain_limit == seconds{60});
    CHECK(configuration->strip == "");
    CHECK_FALSE(configuration->after);
    CHECK(configuration->identity.has_value() == (::geteuid() == 0));
}

TEST_CASE("values are taken up to their limits") {
    const auto least = read({{"POPPASS_DELAY", "0"},
                             {"POPPASS_TRIES", "1"},
                             {"POPPASS_TIMEOUT", "1"},
                             {"POPPASS_SESSION", "1"},
                             {"POPPASS_RUN", "1"}});
    REQUIRE(least);
    CHECK(least->delay == seconds{0});
    CHECK(least->tries == 1);
    CHECK(least->line_timeout == seconds{1});
    CHECK(least->session_limit == seconds{1});
    CHECK(least->chain_limit == seconds{1});
    const auto most = read({{"POPPASS_DELAY", "86400"},
                            {"POPPASS_TRIES", "1000"},
                            {"POPPASS_TIMEOUT", "86400"},
                            {"POPPASS_SESSION", "086400"},
                            {"POPPASS_RUN", "86400"}});
    REQUIRE(most);
    CHECK(most->delay == seconds{86'400});
    CHECK(most->tries == 1000);
    CHECK(most->session_limit == seconds{86'400});
}

TEST_CASE("a bad number is an error that names its variable and the allowed range") {
    for (const std::string name :
         {"POPPASS_DELAY", "POPPASS_TRIES", "POPPASS_TIMEOUT", "POPPASS_SESSION", "POPPASS_RUN"})
        for (const std::string value :
             {"", " ", "x", "-1", "1x", " 1", "1 ", "+1", "1.5", "1,5", "0x1", "1e3", "86401",
              "4294967297", "18446744073709551617", "99999999999999999999999"}) {
            CAPTURE(name);
            CAPTURE(value);
            const auto error = error_of({{name, value}});
            CHECK(error.starts_with(name + " must be a number from "));
        }
    for (const std::string name :
         {"POPPASS_TRIES", "POPPASS_TIMEOUT", "POPPASS_SESSION", "POPPASS_RUN"})
        CHECK(error_of({{name, "0"}}).starts_with(name));
    CHECK(error_of({{"POPPASS_TRIES", "1001"}}).starts_with("POPPASS_TRIES"));
}

TEST_CASE("both chains are split, and their programs are found") {
    TemporaryDirectory directory;
    write_file(directory.file("check"), "#!/bin/sh\n", 0755);
    write_file(directory.file("set"), "#!/bin/sh\n", 0755);
    write_file(directory.file("after"), "#!/bin/sh\n", 0755);
    const auto configuration = read({{"PATH", "bin:" + directory.path() + ":/bin"},
                                     {"PASSWORD_COMMAND", " set -f 'a b' \"$\" /bin/false "},
                                     {"POPPASS_AFTER", "after 'x y'"}},
                                    {"host", "check", "-f", "a b", "$HOME", "/bin/false"});
    REQUIRE(configuration);
    CHECK(configuration->check.words == Words{"check", "-f", "a b", "$HOME", "/bin/false"});
    CHECK(configuration->check.path == directory.file("check"));
    CHECK(configuration->change.words == Words{"set", "-f", "a b", "$", "/bin/false"});
    CHECK(configuration->change.path == directory.file("set"));
    REQUIRE(configuration->after);
    CHECK(configuration->after->words == Words{"after", "x y"});
    CHECK(configuration->after->path == directory.file("after"));
}

TEST_CASE("a chain that cannot be run is an error that names its variable") {
    TemporaryDirectory directory;
    write_file(directory.file("plain"), "#!/bin/sh\n", 0644);
    for (const std::string value :
         {"", "   ", "true", "/bin/true", "../bin/true x", "'true'", "$SETPW", "cat $HOME",
          "cat 'open", "cat \"open", "cat \\", "no-such-program-here", "/nonexistent/program",
          "/bin", "''", "\"\" cat"}) {
        CAPTURE(value);
        CHECK(error_of({{"PASSWORD_COMMAND", value}}).starts_with("PASSWORD_COMMAND"));
        CHECK(error_of({{"POPPASS_AFTER", value}}).starts_with("POPPASS_AFTER"));
    }
    CHECK(error_of({{"PASSWORD_COMMAND", std::nullopt}}) ==
          "PASSWORD_COMMAND is not set: set it to the chain that changes passwords");
    CHECK(
        error_of({{"PASSWORD_COMMAND", directory.file("plain")}}).starts_with("PASSWORD_COMMAND"));
    for (const std::string program :
         {"", "true", "/bin/true", "no-such-program-here", "/bin", "/nonexistent/program"}) {
        CAPTURE(program);
        CHECK(error_of({}, {"host", program}).starts_with("CHECKPROGRAM"));
    }
    CHECK(error_of({}, {"host", directory.file("plain")}).starts_with("CHECKPROGRAM"));
    // Only links read the words after the first one.
    CHECK(error_of({}, {"host", "/bin/cat", "true"}) == "");
    CHECK(error_of({{"PASSWORD_COMMAND", "/bin/cat true"}}) == "");
    CHECK(error_of({}, {"host", "/bin/untrue"}).find("accepts every password") ==
          std::string::npos);
}

TEST_CASE("HOST is shown to clients: printable, no spaces, up to 255 bytes") {
    for (const std::string& host :
         {std::string{"h"}, std::string{"mail.example.org"}, std::string{"-"},
          std::string{"[::1]:106"}, std::string(255, 'h')}) {
        const auto configuration = read({}, {host, "/bin/cat"});
        REQUIRE(configuration);
        CHECK(configuration->host == host);
    }
    for (const std::string& host :
         {std::string{}, std::string(256, 'h'), std::string{" "}, std::string{"a b"},
          std::string{"a\nb"}, std::string{"a\r\nb"}, std::string{"a\t"}, std::string{"\x7f"},
          std::string{"\x80"}, std::string{"h\xc3\xb6st"}, std::string{"\x1b[2J"}})
        CHECK(error_of({}, {host, "/bin/cat"}).starts_with("HOST"));
}

TEST_CASE("POPPASS_STRIP is a domain, or any") {
    for (const std::string value : {"*", "example.org", "localhost"}) {
        const auto configuration = read({{"POPPASS_STRIP", value}});
        REQUIRE(configuration);
        CHECK(configuration->strip == value);
    }
    for (const std::string value : {"", "@example.org", "joe@example.org", "a b", "a\n", "\xff"})
        CHECK(error_of({{"POPPASS_STRIP", value}}).starts_with("POPPASS_STRIP"));
}

TEST_CASE("as root: UID and GID, never 0") {
    if (missing(::geteuid() == 0, "root")) return;
    const auto configuration = read({{"UID", "1"}, {"GID", "4294967294"}});
    REQUIRE(configuration);
    REQUIRE(configuration->identity);
    CHECK(configuration->identity->uid == 1);
    CHECK(configuration->identity->gid == 4294967294);
    for (const std::string value : {"", "0", "00", "-1", "root", "4294967295", "4294967296"}) {
        CAPTURE(value);
        CHECK(error_of({{"UID", value}}).starts_with("UID"));
        CHECK(error_of({{"GID", value}}).starts_with("GID"));
        CHECK(error_of({{"UID", "1"}, {"GID", value}}).starts_with("GID"));
    }
    const auto otherwise = read({});
    REQUIRE(otherwise);
    REQUIRE(otherwise->identity);
    CHECK(otherwise->identity->uid != 0);
    CHECK(otherwise->identity->gid != 0);
    const auto half = read({{"UID", "7"}});
    REQUIRE(half);
    CHECK(half->identity->uid == 7);
    CHECK(half->identity->gid == otherwise->identity->gid);
}

TEST_CASE("without root, UID and GID are not read") {
    if (missing(::geteuid() == 0, "root")) return;
    const int status = in_child([] {
        if (::setresuid(65'534, 65'534, 65'534) != 0) return 2;
        const auto configuration = read({{"UID", "0"}, {"GID", "nonsense"}});
        return configuration && !configuration->identity ? 0 : 1;
    });
    CHECK(status == 0);
}

TEST_CASE("the account poppass, where there is one") {
    if (missing(::geteuid() == 0, "root")) return;
    if (missing(can_mount(), "mounts of its own")) return;
    TemporaryDirectory directory;
    const auto identity_by = [&](const std::string& passwd) {
        const auto file = directory.file("passwd");
        write_file(file, passwd, 0644);
        return in_child([&] {
            if (!own_mounts() ||
                ::mount(file.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0)
                return 126;
            const auto configuration = read({});
            if (!configuration) return 1;
            const auto [uid, gid] = *configuration->identity;
            return uid == 31 && gid == 32 ? 2 : uid == 65'534 && gid == 65'534 ? 3 : 4;
        });
    };
    CHECK(identity_by("root:x:0:0::/:/bin/sh\npoppass:x:31:32::/:/bin/false\n") == 2);
    CHECK(identity_by("root:x:0:0::/:/bin/sh\npoppassd:x:31:32::/:/bin/false\n") == 3);
    CHECK(identity_by("") == 3);
    CHECK(identity_by("poppass:x:0:32::/:/bin/false\n") == 1);
    CHECK(identity_by("poppass:x:31:0::/:/bin/false\n") == 1);
}
