#include "base/terminal.hh"

#include "support/at_terminal.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace poppass;
using namespace poppass::test;

namespace {

// What the program under test does: asks once, and says what it got in its exit status.
int ask_once(std::size_t capacity, std::string_view expected) {
    const auto terminal = Terminal::open();
    if (!terminal) return 100;
    Secret into{capacity};
    if (!terminal->ask("Password: ", into)) return into.size() == 0 ? 101 : 102;
    return into.view() == expected ? 0 : 1;
}

AtTerminal asking(std::string_view expected, std::size_t capacity = 100) {
    return AtTerminal{[=] { return ask_once(capacity, expected); }};
}

} // namespace

TEST_CASE("a line is read without echo, and echo is on afterwards") {
    auto terminal = asking("  a b\xff ");
    REQUIRE(terminal.shows("Password: "));
    CHECK(terminal.echoes(false));
    terminal.type("  a b\xff \n");
    CHECK(terminal.wait() == 0);
    CHECK(terminal.echoes(true));
    CHECK(terminal.shown() == "Password: \r\n");
}

TEST_CASE("a line may be empty or corrected; one that does not fit, or none, is an error") {
    auto terminal = asking("");
    REQUIRE(terminal.shows("Password: "));
    terminal.type("\n");
    CHECK(terminal.wait() == 0);

    auto corrected = asking("new");
    REQUIRE(corrected.shows("Password: "));
    corrected.type("old\x15ney\x7fw\n"); // kill the line; erase a byte
    CHECK(corrected.wait() == 0);

    auto longest = asking("123456789", 10);
    REQUIRE(longest.shows("Password: "));
    longest.type("123456789\n");
    CHECK(longest.wait() == 0);

    auto too_long = asking("", 10);
    REQUIRE(too_long.shows("Password: "));
    too_long.type("1234567890\n");
    CHECK(too_long.wait() == 101);
    CHECK(too_long.echoes(true));

    auto none = asking("");
    REQUIRE(none.shows("Password: "));
    none.type("\x04");
    CHECK(none.wait() == 101);
    CHECK(none.echoes(true));
}

TEST_CASE("text that was typed before the prompt is not read as a password") {
    AtTerminal terminal{[] {
        char byte;
        const auto waiting = Terminal::open();
        if (!waiting || !waiting->tell("wait\n") || ::read(STDIN_FILENO, &byte, 1) != 1) return 100;
        return ask_once(100, "typed later");
    }};
    REQUIRE(terminal.shows("wait"));
    terminal.type("x\ntoo early\n");
    REQUIRE(terminal.shows("Password: "));
    terminal.type("typed later\n");
    CHECK(terminal.wait() == 0);
}

TEST_CASE("keys that send signals, and signals, end it with echo on") {
    struct Case {
        const char* keys;
        int number;
    };
    for (const auto& [keys, number] : {Case{"half\x03", SIGINT}, Case{"half\x1c", SIGQUIT},
                                       Case{"", SIGTERM}, Case{"", SIGHUP}}) {
        CAPTURE(number);
        auto terminal = asking("");
        REQUIRE(terminal.shows("Password: "));
        REQUIRE(terminal.echoes(false));
        if (*keys != '\0')
            terminal.type(keys);
        else
            ::kill(terminal.pid(), number);
        CHECK(terminal.wait() == -number);
        CHECK(terminal.echoes(true));
    }
}

TEST_CASE("a signal that is ignored stays so") {
    AtTerminal terminal{[] {
        ::signal(SIGINT, SIG_IGN);
        return ask_once(100, "go on");
    }};
    REQUIRE(terminal.shows("Password: "));
    ::kill(terminal.pid(), SIGINT);
    terminal.type("go on\n");
    CHECK(terminal.wait() == 0);
}

TEST_CASE("when it is stopped, echo is on; when it continues, it asks again") {
    // A shell with job control, and its job.
    AtTerminal terminal{[] {
        ::signal(SIGTTOU, SIG_IGN);
        const auto shell = Terminal::open();
        const pid_t child = ::fork();
        const auto foreground = [](pid_t group) { ::tcsetpgrp(STDIN_FILENO, group); };
        if (child == 0) {
            ::setpgid(0, 0);
            foreground(::getpid());
            ::signal(SIGTTOU, SIG_DFL);
            ::_exit(ask_once(100, "new"));
        }
        int status = 0;
        if (::waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status)) return 110;
        foreground(::getpid());
        if (!shell || !shell->tell("stopped\n")) return 111;
        char byte;
        if (::read(STDIN_FILENO, &byte, 1) != 1) return 112;
        foreground(child);
        ::kill(child, SIGCONT);
        if (::waitpid(child, &status, 0) != child) return 113;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 114;
    }};
    REQUIRE(terminal.shows("Password: "));
    REQUIRE(terminal.echoes(false));
    terminal.type("half\x1a");
    REQUIRE(terminal.shows("stopped"));
    CHECK(terminal.echoes(true));
    terminal.type("\n");
    REQUIRE(terminal.shows("Password: "));
    CHECK(terminal.echoes(false));
    terminal.type("new\n");
    CHECK(terminal.wait() == 0);
    CHECK(terminal.echoes(true));
}

TEST_CASE("a terminal that goes away is an error") {
    Fd result;
    auto pipe = make_pipe();
    REQUIRE(pipe);
    {
        AtTerminal terminal{[&] {
            ::signal(SIGHUP, SIG_IGN);
            const int status = ask_once(100, "");
            (void)write_whole(pipe->write_end.get(), std::to_string(status));
            return status;
        }};
        pipe->write_end.reset();
        REQUIRE(terminal.shows("Password: "));
        terminal.hang_up();
        char text[8];
        const auto size = read_whole(pipe->read_end.get(), text);
        REQUIRE(size);
        CHECK(std::string_view{text, *size} == "101");
    }
}

TEST_CASE("what is not secret is asked for with echo") {
    AtTerminal terminal{[] {
        const auto opened = Terminal::open();
        if (!opened) return 100;
        const auto line = opened->ask_aloud("Login: ");
        return line && *line == "joe" ? 0 : 1;
    }};
    REQUIRE(terminal.shows("Login: "));
    CHECK(terminal.echoes(true));
    terminal.type("joe\n");
    REQUIRE(terminal.shows("joe"));
    CHECK(terminal.wait() == 0);
}

TEST_CASE("without a controlling terminal it is descriptor 0, or there is none") {
    CHECK(in_child([] {
              ::setsid();
              ::close(STDIN_FILENO);
              return Terminal::open() ? 1 : 0;
          }) == 0);
    AtTerminal terminal{[] {
        // A session without a terminal, which still has one on descriptor 0.
        ::signal(SIGHUP, SIG_IGN);
        ::ioctl(STDIN_FILENO, TIOCNOTTY);
        return ask_once(100, "new");
    }};
    REQUIRE(terminal.shows("Password: "));
    CHECK(terminal.echoes(false));
    terminal.type("new\n");
    CHECK(terminal.wait() == 0);
}

TEST_CASE("lines of a descriptor: one at a time, whole, or an error") {
    struct Case {
        std::string_view bytes;
        const char* line; // null: an error
        std::string_view rest;
    };
    for (const auto& [bytes, line, rest] :
         {Case{"old\nnew\n", "old", "new\n"}, Case{"\nnew\n", "", "new\n"}, Case{"old", "old", ""},
          Case{"old\r\n", "old\r", ""}, Case{"123456789\nx", "123456789", "x"},
          Case{"1234567890\nx", nullptr, "\nx"}, Case{"", nullptr, ""}}) {
        CAPTURE(bytes);
        auto pipe = make_pipe();
        REQUIRE(pipe);
        REQUIRE(write_whole(pipe->write_end.get(), bytes));
        pipe->write_end.reset();
        Secret into{10};
        const auto read = read_line(pipe->read_end.get(), into);
        CHECK(static_cast<bool>(read) == (line != nullptr));
        CHECK(into.view() == (line != nullptr ? line : ""));
        char left[20];
        const auto size = read_whole(pipe->read_end.get(), left);
        REQUIRE(size);
        CHECK(std::string_view{left, *size} == rest);
    }
}
