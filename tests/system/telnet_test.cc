// A person with telnet, played by expect.
#include "support/live_service.hh"

#include <doctest/doctest.h>

using namespace poppass::test;

TEST_CASE("somebody changes a password with telnet") {
    if (missing(have_program("expect"), "expect") || missing(have_program("telnet"), "telnet") ||
        missing(have_program("tcpserver"), "tcpserver (ucspi-tcp)"))
        return;
    LiveService service;
    service.start();
    const auto end =
        run({.argv = {"expect", "-f", beside_tests("system/fixtures/telnet.exp"), service.port(),
                      "user joe", "200 Your password please.", "pass wrong",
                      "500 Old password is incorrect.", "USER joe", "200 Your password please.",
                      "PASS old", "200 Your new password please.", "newpass  two  spaces ",
                      "200 Password changed, thank-you.", "help", "500 Unknown command.*", "quit",
                      "200 Bye."}});
    INFO(end.out);
    CHECK(end.status == 0);
    CHECK(service.accepts(" two  spaces "));
    CHECK(service.log_has("event=end result=quit ip=127.0.0.1"));
}
