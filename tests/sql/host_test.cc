#include "sql/host.hh"

#include "account/accounts.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

TEST_CASE("a host is a name, an address or a socket, with a port where there is one") {
    const struct {
        std::string word, name, port;
    } cases[] = {
        {"db.example.org", "db.example.org", ""}, {"db:5433", "db", "5433"},
        {"192.0.2.1:1", "192.0.2.1", "1"},        {"2001:db8::1", "2001:db8::1", ""},
        {"[2001:db8::1]", "2001:db8::1", ""},     {"[::1]:5432", "::1", "5432"},
        {"/run/db:1", "/run/db:1", ""},
    };
    for (const auto& [word, name, port] : cases) {
        CAPTURE(word);
        const auto host = SqlHost::parse(word);
        REQUIRE(host);
        CHECK(host->name == name);
        CHECK(host->port == port);
        CHECK(host->is_socket() == word.starts_with('/'));
        CHECK(SqlHost::parse(host->text())->name == name);
    }
    for (const std::string word :
         {"", ":5432", "db:", "db:x", "db:0", "db:65536", "[::1", "[]:1", "[::1]5432"}) {
        CAPTURE(word);
        CHECK_FALSE(SqlHost::parse(word));
    }
}

TEST_CASE("a socket is safe where only root and the server's account can write") {
    const TemporaryDirectory top;
    const std::string directory = top.file("run"), socket = directory + "/socket";
    std::filesystem::create_directory(directory);
    write_file(socket, "");
    const auto account = find_account(::geteuid());
    REQUIRE((account && *account));
    const gid_t own = (*account)->gid;
    const auto warnings = [&](mode_t mode, gid_t group) {
        CHECK(::chown(directory.c_str(), uid_t(-1), group) == 0);
        CHECK(::chmod(directory.c_str(), mode) == 0);
        Report report;
        warn_of_socket("db", socket, report);
        return report.lines().size();
    };
    CHECK(warnings(0755, own) == 0);
    CHECK(warnings(0775, own) == 0);
    CHECK(warnings(0757, own) == 1);
    CHECK(warnings(01777, own) == 1);
    if (::geteuid() == 0) CHECK(warnings(0775, 65534) == 1);
    // Above it, everybody may write a sticky directory of root's.
    CHECK(warnings(0755, own) == 0);
    ::chmod(top.path().c_str(), 0777);
    CHECK(warnings(0755, own) == 1);
    Report report;
    warn_of_socket("db", "/nowhere/socket", report);
    CHECK(report.lines().size() == 1);
}

TEST_CASE("the addresses of a host, and which are loopback") {
    for (const std::string name : {"127.0.0.1", "127.9.9.9", "::1"}) {
        const auto found = find_addresses({name, ""});
        REQUIRE(found);
        REQUIRE(found->size() == 1);
        CHECK(found->front().text == name);
        CHECK(found->front().loopback);
    }
    for (const std::string name : {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"})
        CHECK_FALSE(find_addresses({name, ""})->front().loopback);
    // Other names may come from DNS, so their addresses prove nothing.
    CHECK(find_addresses({"localhost", ""})->front().loopback);
    CHECK(find_addresses({"127.1", ""})->front().text == "127.0.0.1");
    CHECK_FALSE(find_addresses({"127.1", ""})->front().loopback);
    CHECK_FALSE(find_addresses({"no such name", ""}));
}
