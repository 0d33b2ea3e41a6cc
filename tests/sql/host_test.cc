#include "sql/host.hh"

#include <doctest/doctest.h>
#include <string>

using namespace poppass;

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
    CHECK_FALSE(find_addresses({"no such name", ""}));
}
