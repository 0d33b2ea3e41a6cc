// What every check link does around its store, shown with the smallest one.
#include "support/program.hh"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

Outcome check(const Words& words, const std::string& login, const std::string& password) {
    Program program{.argv = {built("checkpw-example"), "-u", "joe:secret"}};
    program.argv.insert(program.argv.end(), words.begin(), words.end());
    program.record = login + '\0' + password + '\0' + '\0';
    program.environment = {{"NATIVE_CHECKPASSWORD", std::nullopt},
                           {"DOVECOT_VERSION", std::nullopt}};
    return run(program);
}

} // namespace

TEST_CASE("a fallback chain: the next link is asked only about users who are not known here") {
    const Words next{built("next-link"), "7", "/bin/false"};
    CHECK(check(next, "joe", "secret").status == 0);
    CHECK(check(next, "joe", "wrong").status == 7);
    CHECK(check(next, "ann", "secret").status == 7);
    CHECK(check({}, "joe", "secret").status == 0);
    CHECK(check({}, "joe", "wrong").status == 1);
    CHECK(check({"/bin/true"}, "joe", "secret").status == 2);
}

TEST_CASE("a native chain: the program runs for the right password alone") {
    const TemporaryDirectory for_all;
    const std::string program = reachable("next-link", for_all);
    const Words next{"--native", program, "7"};
    if (::geteuid() == 0) { // the store has no ids, and the link refuses to run anything as root
        CHECK(check(next, "joe", "secret").status == 111);
        CHECK(check({"--native", "--virtual", "nobody", program, "7"}, "joe", "secret").status ==
              7);
    } else {
        CHECK(check(next, "joe", "secret").status == 7);
    }
    CHECK(check(next, "joe", "wrong").status == 1);
    CHECK(check(next, "ann", "secret").status == 1);
    CHECK(check({"--native"}, "joe", "secret").status == 2);
}

TEST_CASE("what the link reports with --check, -h and -V") {
    Program program{.argv = {built("checkpw-example"), "--check", "-u", "joe:secret"}};
    CHECK(run(program).out ==
          "[\n  {\"level\": \"ok\", \"subject\": \"-u\", \"text\": \"names a user\"}\n]\n");
    program.argv = {built("checkpw-example"), "--check", "-u", "joe"};
    CHECK(run(program).status == 2);
    program.argv = {built("checkpw-example"), "-h"};
    CHECK(run(program).out == "usage: checkpw-example -u LOGIN:PASSWORD [--native] [--virtual "
                              "ACCOUNT] [--] [PROG ARG...]\n");
    program.argv = {built("checkpw-example"), "-x"};
    CHECK(run(program).err.find("no such option: -x; usage: checkpw-example") != std::string::npos);
}
