#include "protocol/command.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <random>

using namespace poppass;
using namespace poppass::test;

namespace {

struct Case {
    std::string line;
    Verb verb;
    Argument state;
    std::string argument;
};

void check(const Case& wanted, bool cut = false) {
    CAPTURE(wanted.line);
    const Command command = parse_command(wanted.line, cut);
    CHECK(command.verb == wanted.verb);
    CHECK(command.state == wanted.state);
    CHECK(command.argument == wanted.argument);
}

} // namespace

TEST_CASE("command words in any case") {
    for (const auto& [word, verb] :
         {std::pair{"user", Verb::user}, std::pair{"pass", Verb::pass},
          std::pair{"newpass", Verb::newpass}, std::pair{"quit", Verb::quit}}) {
        const std::string lower{word};
        for (unsigned bits = 0; bits < 1u << lower.size(); ++bits) {
            std::string typed = lower;
            for (std::size_t i = 0; i < typed.size(); ++i)
                if ((bits >> i & 1) != 0) typed[i] = static_cast<char>(typed[i] - 'a' + 'A');
            check({typed + " joe", verb, Argument::good, "joe"});
            check({typed, verb, Argument::empty, ""});
        }
    }
}

TEST_CASE("words that only look like commands are unknown") {
    for (const std::string word : {"",       "use",       "users",    "userjoe", "pas",
                                   "passs",  "newpas",    "newpasss", "new",     "qui",
                                   "quit.",  "quitting",  "help",     "list",    "stat",
                                   "\tuser", "user\tjoe", "\"user\"", "us er",   "USER\xc2\xa0joe",
                                   "\xff",   "@ser",      "`ser",     "us\rer",  "user\v",
                                   "{uit",   "\x15ser"}) {
        CAPTURE(word);
        CHECK(parse_command(word, false).verb == Verb::unknown);
        if (word != "us er") CHECK(parse_command(word + " joe", false).verb == Verb::unknown);
    }
    // Letters that differ from ours in one bit only: lower case is for A to Z alone.
    for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        const std::string line{byte, 's', 'e', 'r', ' ', 'j'};
        CHECK((parse_command(line, false).verb == Verb::user) == (byte == 'u' || byte == 'U'));
    }
    CHECK(parse_command(bytes("user\0joe"), false).verb == Verb::unknown);
    CHECK(parse_command(bytes("user\0 joe"), false).verb == Verb::unknown);
    CHECK(parse_command(bytes("\0user joe"), false).verb == Verb::unknown);
}

TEST_CASE("a line that begins with a space has an unknown word") {
    check({" user joe", Verb::unknown, Argument::good, "user joe"});
    check({" ", Verb::unknown, Argument::empty, ""});
}

TEST_CASE("one space, and all the rest is the argument, as it came") {
    check({"user joe", Verb::user, Argument::good, "joe"});
    check({"user  joe", Verb::user, Argument::good, " joe"});
    check({"pass  ", Verb::pass, Argument::good, " "});
    check({"pass    ", Verb::pass, Argument::good, "   "});
    check({"pass two words ", Verb::pass, Argument::good, "two words "});
    check({"pass \ttab\t", Verb::pass, Argument::good, "\ttab\t"});
    check({"pass \"quoted\" 'and' \\escaped", Verb::pass, Argument::good,
           "\"quoted\" 'and' \\escaped"});
    check({"newpass pass", Verb::newpass, Argument::good, "pass"});
    check({"newpass \x80\xff\xfe\xc3\xa4", Verb::newpass, Argument::good, "\x80\xff\xfe\xc3\xa4"});
    check({"newpass \x01\x1b[2J\x7f", Verb::newpass, Argument::good, "\x01\x1b[2J\x7f"});
    check({"newpass %s%n$(id)`id`;|&", Verb::newpass, Argument::good, "%s%n$(id)`id`;|&"});
    check({"quit now", Verb::quit, Argument::good, "now"});
}

TEST_CASE("one CR at the end belongs to the line end, and any other CR is forbidden") {
    check({"user joe\r", Verb::user, Argument::good, "joe"});
    check({"quit\r", Verb::quit, Argument::empty, ""});
    check({"quit \r", Verb::quit, Argument::empty, ""});
    check({"\r", Verb::unknown, Argument::empty, ""});
    check({"user joe\r\r", Verb::user, Argument::forbidden, "joe\r"});
    check({"user \r\r", Verb::user, Argument::forbidden, "\r"});
    check({"user \rjoe", Verb::user, Argument::forbidden, "\rjoe"});
    check({"user j\roe\r", Verb::user, Argument::forbidden, "j\roe"});
    check({"quit\r\r", Verb::unknown, Argument::empty, ""});
}

TEST_CASE("an argument with a NUL is forbidden") {
    check({bytes("user \0"), Verb::user, Argument::forbidden, bytes("\0")});
    check({bytes("user joe\0"), Verb::user, Argument::forbidden, bytes("joe\0")});
    check({bytes("user joe\0\r"), Verb::user, Argument::forbidden, bytes("joe\0")});
    check({bytes("pass a\0b"), Verb::pass, Argument::forbidden, bytes("a\0b")});
    check({bytes("newpass \0b"), Verb::newpass, Argument::forbidden, bytes("\0b")});
}

TEST_CASE("an empty argument has a state of its own") {
    for (const std::string word : {"user", "pass", "newpass"})
        for (const std::string end : {"", " ", "\r", " \r"}) {
            CAPTURE(word + end);
            const auto command = parse_command(word + end, false);
            CHECK(command.verb != Verb::unknown);
            CHECK(command.state == Argument::empty);
            CHECK(command.argument.empty());
        }
}

TEST_CASE("a line that was cut is too long, whatever it begins with") {
    const std::string tail(longest_line, 'x');
    check({"user " + tail, Verb::user, Argument::too_long, tail}, true);
    check({"pass " + tail, Verb::pass, Argument::too_long, tail}, true);
    check({"newpass " + tail, Verb::newpass, Argument::too_long, tail}, true);
    check({"quit " + tail, Verb::quit, Argument::too_long, tail}, true);
    check({tail, Verb::unknown, Argument::too_long, ""}, true);
    check({"user ", Verb::user, Argument::too_long, ""}, true);
    check({bytes("user \0\r\r"), Verb::user, Argument::too_long, bytes("\0\r\r")}, true);
    // A CR at the place of the cut was none at the end of the line.
    check({"user joe\r", Verb::user, Argument::too_long, "joe\r"}, true);
}

TEST_CASE("a long line that was not cut is whole") {
    const std::string tail(longest_line - 5, 'x');
    check({"user " + tail, Verb::user, Argument::good, tail});
}

TEST_CASE("of any bytes: the argument is the end of the line, and good only if it fits a record") {
    std::mt19937 random{4711};
    constexpr std::string_view letters{"user pass\0\r\x80\t", 13};
    for (int round = 0; round < 200'000; ++round) {
        std::string line;
        for (auto n = random() % 16; n > 0; --n) line += letters[random() % letters.size()];
        if (random() % 2 == 0) line.insert(0, "newpass ");
        const auto command = parse_command(line, false);
        const std::string body = line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0));
        const auto space = body.find(' ');
        const std::string wanted = space == body.npos ? "" : body.substr(space + 1);
        REQUIRE(command.argument == wanted);
        const bool bad = wanted.find('\0') != wanted.npos || wanted.find('\r') != wanted.npos;
        const auto state = wanted.empty() ? Argument::empty
                           : bad          ? Argument::forbidden
                                          : Argument::good;
        REQUIRE(command.state == state);
    }
}
