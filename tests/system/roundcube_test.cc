// Roundcube's own password driver changes a password through poppass.
#include "support/live_service.hh"

#include <doctest/doctest.h>

using namespace poppass::test;

namespace {

std::string driver() {
    return unpacked("/usr/share/roundcube/plugins/password/drivers/poppassd.php");
}
std::string net_socket() { return unpacked("/usr/share/php/Net/Socket.php"); }

bool lacks_something() {
    return missing(have_program("php"), "php (php-cli)") ||
           missing(have_program("tcpserver"), "tcpserver (ucspi-tcp)") ||
           missing(!driver().empty(), "Roundcube's password plugin (roundcube-plugins)") ||
           missing(!net_socket().empty(), "Net/Socket.php (php-net-socket, php-pear)");
}

// What the driver returns, and the message that the user sees.
std::string save(const LiveService& service, const std::string& old_password,
                 const std::string& new_password, const std::string& user = "joe") {
    const auto folder = net_socket().substr(0, net_socket().rfind("/Net/"));
    const auto end = run({.argv = {"php", "-n", "-d", "include_path=" + folder + ":/usr/share/php",
                                   beside_tests("system/fixtures/roundcube.php"), driver(),
                                   "127.0.0.1", service.port(), user},
                          .input = old_password + "\n" + new_password + "\n"});
    CHECK(end.status == 0);
    return end.out;
}

} // namespace

TEST_CASE("Roundcube changes a password, whatever is in it") {
    if (lacks_something()) return;
    LiveService service;
    service.start();
    CHECK(save(service, "old", "n\xc3\xa9w \"$ \\pass'word ") == "0\n");
    CHECK(service.accepts("n\xc3\xa9w \"$ \\pass'word "));
    CHECK_FALSE(service.accepts("old"));
    CHECK(service.log_has("event=change result=changed user=joe ip=127.0.0.1"));
}

TEST_CASE("Roundcube shows why a password was not changed") {
    if (lacks_something()) return;
    LiveService service;
    const auto picky = service.file("picky");
    write_file(picky,
               "#!/bin/sh\ncat <&3 >/dev/null\necho '553 Sorry, too short (#5.7.1)'\nexit 1\n",
               0755);
    service.start({{"PASSWORD_COMMAND", picky + " /bin/false"}});
    CHECK(save(service, "wrong", "new") == "2 Old password is incorrect.\n");
    CHECK(save(service, "old", "new") == "2 Sorry, too short\n");
    CHECK(save(service, "old", "new", "nobody@example.org") == "2 Old password is incorrect.\n");
    CHECK(service.accepts("old"));
}
