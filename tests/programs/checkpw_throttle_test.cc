#include "support/program.hh"
#include "throttle/native_chain.hh"
#include "throttle/throttle_state.hh"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <memory>
#include <regex>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

using Words = std::vector<std::string>;

const std::string home = "192.0.2.1";

// sha256crypt with 1000 rounds, of the password "old".
const std::string hash_of_old =
    "$5$rounds=1000$abcdefgh$fOPT.9teUsa3z4HoDw8OvV48/qQiDGBxPmuWb2oL6aA";

std::string record(const std::string& login, const std::string& password) {
    return login + bytes("\0") + password + bytes("\0\0\0");
}

// A guard with a table of its own.
struct Guard {
    TemporaryDirectory parent;
    std::string directory = parent.file("throttle");

    Program program(const Words& words, const std::string& login = "joe",
                    const std::optional<std::string>& address = home,
                    const std::string& password = "wrong") const {
        Program program{.argv = {built("checkpw-throttle"), "-d", directory}};
        program.argv.insert(program.argv.end(), words.begin(), words.end());
        for (const char* const name :
             {"NATIVE_CHECKPASSWORD", "DOVECOT_VERSION", "AUTHORIZED", "PROTO", "TCP6REMOTEIP",
              "REMOTE_HOST", "REMOTE_ADDR", "SOCAT_PEERADDR"})
            program.environment[name] = std::nullopt;
        program.environment["TCPREMOTEIP"] = address;
        program.record = record(login, password);
        return program;
    }

    Outcome run(const Words& words, const std::string& login = "joe",
                const std::optional<std::string>& address = home) const {
        return test::run(program(words, login, address));
    }

    double failures(Kind kind, const std::string& login = "joe",
                    const std::optional<std::string>& address = home) const {
        auto state = ThrottleState::open(directory);
        REQUIRE_MESSAGE(state, state.error().message());
        return 1.0 *
               state->throttle({}).quarters(make_attempt(login, address, {}), kind, state->now()) /
               whole_failure;
    }
};

// The rest of a fallback chain, as a shell command.
Words rest(const std::string& deeds) { return {"/bin/sh", "-c", deeds, "false"}; }
Words rest_exits(int status) { return rest("exit " + std::to_string(status)); }

Words operator+(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

void check_over_limit(const Outcome& outcome) {
    CHECK(outcome.status == 111);
    CHECK_MESSAGE(std::regex_match(outcome.out, std::regex{"454-Too many attempts, try again in "
                                                           "[0-9]+ seconds \\(#4\\.7\\.0\\)\r\n"}),
                  outcome.out);
    CHECK(outcome.err == "");
}

// A native link. If the password is `right`, it runs the rest, as the user `as` if that is given.
std::string native_link(const TemporaryDirectory& directory, const std::string& name,
                        const std::string& as = "") {
    const auto path = directory.file(name);
    write_file(path,
               "#!/bin/sh\nsecret=$(tr '\\0' '\\n' <&3 | sed -n 2p)\nexec 3<&-\n"
               "[ \"$secret\" = right ] || exit 1\nexec " +
                   as + " \"$@\"\n",
               0755);
    return path;
}

// A session on the loopback interface, its check under the guard.
Program under_poppass(const Guard& guard, const Words& words, const std::string& input) {
    auto program = guard.program({});
    program.argv = Words{built("poppass"), "test.example"} + program.argv + words;
    program.record.reset();
    program.environment["TCPREMOTEIP"] = "127.0.0.1";
    program.environment["PASSWORD_COMMAND"] = "/bin/false";
    program.environment["POPPASS_DELAY"] = "0";
    program.environment["UID"] = std::nullopt;
    program.environment["GID"] = std::nullopt;
    program.input = input;
    return program;
}

} // namespace

TEST_CASE("wrong command lines are misuse, before anything is read or counted") {
    const Guard guard;
    const auto chain = rest_exits(1);
    for (const auto& words : {
             Words{},
             Words{"--"},
             Words{"-n", "3"},
             Words{"--native"},
             Words{"-n", "0"} + chain,
             Words{"-n", "1001"} + chain,
             Words{"-n", "x"} + chain,
             Words{"-w", "1"} + chain,
             Words{"-w", "604801"} + chain,
             Words{"-w"},
             Words{"-x", "example.org"} + chain,
             Words{"-x", "192.0.2.0/33"} + chain,
             Words{"-q"} + chain,
             Words{"--no-such"} + chain,
             Words{"checkpw", "qmail-pop3d", "Maildir"},
             Words{"checkpw", "/bin/true"},
             Words{"--list"} + chain,
             Words{"--clear", "joe"} + chain,
             Words{"--clear"},
             Words{"--list", "--clear", "joe"},
             Words{"--passed", "9"},
             Words{"--passed", "2", "/bin/true"},
             Words{"--passed", "x", "/bin/true"},
             Words{"--passed", "9", "/bin/true"}, // this descriptor is not open
             Words{"--passed", "3", "/bin/true"}, // this is the record's
             Words{"--native", "checkpw"},
             Words{"--native", "checkpw", "--native", "-f", "file"},
             Words{"--native", "some-link", "prog"},
             Words{"--native", "checkpw", "-q", "prog"},
             Words{"--native", "checkpw-throttle", "checkpw", "prog"},
             Words{"--native", "some-link", "checkpw-throttle", "--passed", "9"},
         }) {
        std::string line;
        for (const auto& word : words) line += word + ' ';
        CAPTURE(line);
        const auto outcome = guard.run(words);
        CHECK(outcome.status == 2);
        CHECK(outcome.out == "");
        CHECK(outcome.err.starts_with("checkpw-throttle: "));
        CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    }
    CHECK(::access(guard.directory.c_str(), F_OK) != 0);
    CHECK(guard.run({"--help"}).out.starts_with("usage: checkpw-throttle [-d DIRECTORY]"));
    CHECK(guard.run({"--version"}).out.starts_with("checkpw-throttle "));
}

TEST_CASE("malformed records are misuse and count for nobody") {
    const Guard guard;
    for (const auto& odd : {std::string{}, std::string{"joe"}, bytes("joe\0password"),
                            bytes("joe\0password\0"), std::string(513, 'j')}) {
        auto program = guard.program(rest_exits(0));
        program.record = odd;
        CHECK(run(program).status == 2);
    }
    auto program = guard.program(rest_exits(0));
    program.record.reset();
    CHECK(run(program).status == 2);
    CHECK(::access(guard.directory.c_str(), F_OK) != 0);
}

TEST_CASE("the rest of the chain finds the surroundings that the guard found") {
    const Guard guard;
    const auto path = guard.parent.file("report");
    for (const auto& bytes_of_record : {record("Joe ", "s\377cret"), record("joe", "") + "more",
                                        bytes("joe\0password\0Y123456\0")}) {
        auto program = guard.program({built("next-link"), "0", "--", "/bin/false"});
        program.record = bytes_of_record;
        program.environment["NEXT_LINK_OUT"] = path;
        const auto outcome = run(program);
        CHECK(outcome.status == 0);
        CHECK(outcome.out == "");
        CHECK(outcome.err == "");
        const auto seen = parse_next_link(read_file(path));
        CHECK(seen.record == bytes_of_record);
        CHECK(seen.descriptors == std::vector{0, 1, 2, 3});
        CHECK(seen.blocked.empty());
        CHECK(seen.ignored.empty());
        CHECK(!seen.own_group); // a signal to the guard's group reaches it
    }
    // Output on both descriptors, and unusual surroundings.
    auto program = guard.program(rest("echo one; echo two >&2; exit 3"));
    program.before_exec = ignore_and_block_signals;
    const auto outcome = run(program);
    CHECK(outcome.status == 3);
    CHECK(outcome.out == "one\n");
    CHECK(outcome.err == "two\n");
}

TEST_CASE("what an attempt counts for, by the status of the chain") {
    for (const auto& [status, charged] : {std::pair{0, 0.0},
                                          {1, 1.0},
                                          {2, 0.25},
                                          {3, 1.0},
                                          {50, 1.0},
                                          {99, 1.0},
                                          {100, 1.0},
                                          {111, 0.25},
                                          {112, 1.0},
                                          {255, 1.0}}) {
        CAPTURE(status);
        const Guard guard;
        CHECK(guard.run(rest_exits(status)).status == status);
        for (const Kind kind : {Kind::pair, Kind::address, Kind::login})
            CHECK(guard.failures(kind) == charged);
    }
    const Guard guard;
    const auto killed = guard.run(rest("kill -9 $$"));
    CHECK(killed.status == 111);
    CHECK(killed.err == "checkpw-throttle: the chain was ended by signal 9\n");
    CHECK(guard.failures(Kind::pair) == 1);
    CHECK(guard.run({"no-such-program", "false"}).status == 2);
    CHECK(guard.failures(Kind::pair) == 1.25);
}

TEST_CASE("an outage behind a store that judges the password gives no free guesses") {
    const Guard guard;
    const auto file = guard.parent.file("users");
    write_file(file, "joe:" + hash_of_old + ":19000:0:99999:7:::\n");
    const auto guess = [&](const std::string& password) {
        return run(guard.program(Words{built("checkpw"), "-f", file} + rest_exits(111), "joe", home,
                                 password));
    };
    for (int i = 0; i < 20; ++i) CHECK(guess("wrong").status == 111);
    const auto outcome = guess("wrong");
    CHECK(outcome.status == 111);
    CHECK(outcome.out.find("Too many attempts") != std::string::npos);
}

TEST_CASE("over the limit: a text, status 111, no chain, no charge") {
    const Guard guard;
    const auto mark = guard.parent.file("mark");
    const auto chain = Words{"-n", "3"} + rest("cat <&3 >/dev/null; echo x >>" + mark + "; exit 1");
    for (int i = 0; i < 3; ++i) CHECK(guard.run(chain).status == 1);
    for (int i = 0; i < 3; ++i) check_over_limit(guard.run(chain));
    CHECK(read_file(mark) == "x\nx\nx\n");
    CHECK(guard.failures(Kind::pair) == 3);
    CHECK(guard.failures(Kind::login) == 3);
    // Also with the right password.
    check_over_limit(guard.run(Words{"-n", "3"} + rest_exits(0)));
    // Nobody reads.
    auto deaf = guard.program(chain);
    deaf.before_exec = [] {
        int ends[2];
        if (::pipe(ends) == 0) ::dup2(ends[1], 1);
        ::close(ends[0]);
        ::close(ends[1]);
    };
    CHECK(run(deaf).status == 111);
    deaf.before_exec = {};
    deaf.closed = {0, 1, 2};
    CHECK(run(deaf).status == 111);
}

TEST_CASE("who is one client and one user") {
    const Guard guard;
    const auto fail = [&](const std::string& login, const std::optional<std::string>& address) {
        return guard.run(Words{"-n", "2"} + rest_exits(1), login, address).status;
    };
    CHECK(fail("Joe", "::ffff:192.0.2.1") == 1);
    CHECK(fail("joe ", "192.0.2.1") == 1);
    CHECK(fail(" JOE", "[::ffff:192.0.2.1]") == 111);
    CHECK(fail("joe", "192.0.2.2") == 1);
    CHECK(fail("joe", "2001:db8::1") == 1);
    CHECK(fail("joe", "2001:db8::2") == 1);
    CHECK(fail("joe", "2001:db8::3") == 111);
    CHECK(fail("joe", "2001:db8:0:1::1") == 1);
    CHECK(fail("joe", std::nullopt) == 1);
    CHECK(fail("joe", "no address") == 1);
    CHECK(fail("joe", std::nullopt) == 111);
}

TEST_CASE("an address waits over all logins, but not one that many share") {
    const auto refused = [](const Words& options, const std::optional<std::string>& address) {
        const Guard guard;
        int count = 0;
        for (int i = 0; i < 6; ++i)
            if (guard
                    .run(Words{"-n", "1"} + options + rest_exits(1), "user" + std::to_string(i),
                         address)
                    .status == 111)
                ++count;
        return count;
    };
    CHECK(refused({}, "192.0.2.1") == 2);
    CHECK(refused({}, "2001:db8::1") == 2);
    CHECK(refused({"-x", "198.51.100.0/24"}, "192.0.2.1") == 2);
    CHECK(refused({}, "127.0.0.1") == 0);
    CHECK(refused({}, "::1") == 0);
    CHECK(refused({}, std::nullopt) == 0);
    CHECK(refused({"-x", "192.0.2.1"}, "192.0.2.1") == 0);
    CHECK(refused({"-x", "198.51.100.0/24", "-x", "2001:db8::/32"}, "2001:db8::1") == 0);
}

TEST_CASE("a login under attack: its known address is let in, others look like a wrong password") {
    const Guard guard;
    const auto mark = guard.parent.file("mark");
    const Words options{"-n", "1"};
    const auto right = options + rest("touch " + mark + "; exit 0");
    CHECK(guard.run(options + rest_exits(0), "joe", "198.51.100.7").status == 0);
    for (int i = 0; i < 10; ++i)
        CHECK(guard.run(options + rest_exits(1), "joe", "10.0.0." + std::to_string(i)).status == 1);
    // A network is drawn once in a minute. The turn of a minute may come between.
    Outcome outcome;
    std::string address;
    for (int i = 0; i < 3 && outcome.err.empty(); ++i) {
        ::unlink(mark.c_str());
        address = "10.0.0.2" + std::to_string(i);
        outcome = guard.run(i == 0 ? options + rest_exits(1) : right, "joe", address);
    }
    CHECK(outcome.status == 1);
    CHECK(outcome.out == "");
    CHECK(outcome.err == "checkpw-throttle: the login is under attack, and this address has to "
                         "wait: user=joe ip=" +
                             address + "\n");
    CHECK(::access(mark.c_str(), F_OK) != 0);
    CHECK(guard.failures(Kind::pair, "joe", address) == 1);

    CHECK(guard.run(right, "joe", "198.51.100.7").status == 0);
    CHECK(::access(mark.c_str(), F_OK) == 0);
    CHECK(guard.run(right, "ann", address).status == 0);
    CHECK(guard.run({"--list"}).out.find("user=joe failures=1") != std::string::npos);
}

TEST_CASE("who is turned away waits as long as a check that is refused") {
    const Guard guard;
    const auto slow = guard.parent.file("slow");
    write_file(slow, "#!/bin/sh\nsleep 0.4\nexit 1\n", 0755);
    const Words fallback{"-n", "1", slow, "/bin/false"};
    const Words native{"-n",       "1", "--native", slow, "checkpw-throttle",
                       "--passed", "9", "/bin/true"};
    for (const auto& words : {fallback, native}) {
        const std::string login = words == native ? "ann" : "joe";
        for (int i = 0; i < 2; ++i)
            CHECK(guard.run(words, login, "10.0.0." + std::to_string(i)).status == 1);
        {
            auto state = ThrottleState::open(guard.directory);
            REQUIRE(state);
            auto throttle = state->throttle({1, 3600});
            for (int i = 0; i < 10; ++i)
                throttle.charge(make_attempt(login, "10.0.1." + std::to_string(i), {}),
                                state->now());
        }
        Outcome outcome;
        milliseconds took{};
        for (int i = 0; i < 3 && outcome.err.empty(); ++i) { // one or two may be drawn
            const auto start = std::chrono::steady_clock::now();
            outcome = guard.run(words, login, "10.0.2." + std::to_string(i));
            took =
                std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
        }
        CHECK(outcome.status == 1);
        CHECK(outcome.out == "");
        CHECK(outcome.err.find("has to wait: user=" + login) != std::string::npos);
        CHECK(took >= milliseconds{390});
    }
}

TEST_CASE("a success takes back its own charge, and no failures before it") {
    const Guard guard;
    for (int i = 0; i < 4; ++i) CHECK(guard.run(rest_exits(1)).status == 1);
    CHECK(guard.run(rest_exits(0)).status == 0);
    for (const Kind kind : {Kind::pair, Kind::address, Kind::login})
        CHECK(guard.failures(kind) == 4);
    CHECK(guard.run(rest_exits(0)).status == 0);
    CHECK(guard.run(rest_exits(1)).status == 1);
    check_over_limit(guard.run(rest_exits(1)));
}

TEST_CASE("failures are forgotten, and those of before the last start of the system are not") {
    const Guard guard;
    const auto chain = Words{"-n", "1", "-w", "3600"} + rest_exits(1);
    const auto fail_before = [&](const std::string& login, Seconds ago) {
        auto state = ThrottleState::open(guard.directory);
        REQUIRE(state);
        auto throttle = state->throttle({1, 3600});
        const auto joe = make_attempt(login, home, {});
        for (int i = 0; i < 10; ++i) throttle.charge(joe, state->now() - ago);
    };
    fail_before("joe", 600); // its wait is 900 seconds
    check_over_limit(guard.run(chain, "joe", home));
    fail_before("ann", 3601);
    CHECK(guard.run(chain, "ann", "192.0.2.2").status == 1);
}

TEST_CASE("the list and its end") {
    const Guard guard;
    CHECK(guard.run({"--list"}).out == "");
    const auto chain = Words{"-n", "1"} + rest_exits(1);
    CHECK(guard.run(chain, "joe example\n").status == 1);
    CHECK(guard.run(chain, "ann", "2001:db8::1").status == 1);
    const auto list = guard.run({"--list"});
    CHECK(list.status == 0);
    CHECK_MESSAGE(list.out.find("user=joe\\x20example ip=192.0.2.1 failures=1 wait=") !=
                      std::string::npos,
                  list.out);
    CHECK(list.out.find("user=ann ip=2001:db8::/64 failures=1 wait=") != std::string::npos);
    CHECK(std::count(list.out.begin(), list.out.end(), '\n') == 2);

    check_over_limit(guard.run(chain, "ann", "2001:db8::1"));
    CHECK(guard.run({"--clear", "ANN"}).status == 0);
    CHECK(guard.run(chain, "ann", "2001:db8::1").status == 1);
    CHECK(guard.run({"--clear", "2001:db8::2"}).status == 0);
    CHECK(guard.run(chain, "ann", "2001:db8::1").status == 1);
    const auto nothing = guard.run({"--clear", "bob"});
    CHECK(nothing.status == 1);
    CHECK(nothing.err == "checkpw-throttle: no failures are counted for bob\n");
}

TEST_CASE("a table that cannot be had is trouble, and no chain runs") {
    const Guard guard;
    const auto mark = guard.parent.file("mark");
    const auto chain = rest("touch " + mark + "; exit 0");
    write_file(guard.directory, "no directory");
    const auto outcome = guard.run(chain);
    CHECK(outcome.status == 111);
    CHECK(outcome.out == "");
    CHECK(outcome.err.find(guard.directory + " is no directory") != std::string::npos);
    ::unlink(guard.directory.c_str());
    {
        const auto held = ThrottleState::open(guard.directory);
        REQUIRE(held);
        const auto locked = guard.run(chain);
        CHECK(locked.status == 111);
        CHECK(locked.err.find("lock " + guard.directory + "/state") != std::string::npos);
    }
    CHECK(::access(mark.c_str(), F_OK) != 0);
    CHECK(guard.run(chain).status == 0);
    CHECK(::access(mark.c_str(), F_OK) == 0);
}

TEST_CASE("after kill -9 of the guard the attempt stays charged") {
    const Guard guard;
    Process process{guard.program(rest("echo up; exec sleep 30"))};
    REQUIRE(process.run_until_out("up"));
    CHECK(guard.failures(Kind::pair) == 1); // already before the chain has ended
    process.signal(SIGKILL);
    CHECK(process.wait().signal == SIGKILL);
    CHECK(guard.failures(Kind::pair) == 1);
}

TEST_CASE("the rest of a fallback chain ends with the guard") {
    if (missing(linux_build, "a signal at the parent's end")) return;
    const Guard guard;
    Process process{guard.program(rest("echo $$; exec sleep 30"))};
    REQUIRE(process.run_until_out("\n"));
    const pid_t pid = std::stoi(process.out());
    process.signal(SIGKILL);
    CHECK(has_ended(pid));
}

TEST_CASE("signals to the guard are the chain's") {
    const Guard guard;
    for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGUSR1}) {
        Process process{guard.program(
            rest("trap 'exit 42' TERM HUP INT USR1; echo up; while :; do sleep 0.05; done"))};
        REQUIRE(process.run_until_out("up"));
        process.signal(number);
        CHECK(process.wait().status == 42);
    }
    CHECK(guard.failures(Kind::pair) == 4);
}

TEST_CASE("of many attempts at once, no more than the limit run") {
    // The limit of the login is ten; each attempt has another address.
    const Guard guard;
    const auto mark = guard.parent.file("mark");
    const auto chain = Words{"-n", "1"} + rest("echo x >>" + mark + "; sleep 0.2; exit 1");
    std::vector<std::unique_ptr<Process>> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(
            std::make_unique<Process>(guard.program(chain, "joe", "10.0.0." + std::to_string(i))));
    int refused = 0;
    for (const auto& process : all) {
        const auto outcome = process->wait();
        CHECK(outcome.status == 1);
        refused += !outcome.err.empty();
    }
    // The network is drawn once a minute. The turn of a minute may come between.
    const auto guessed = static_cast<int>(read_file(mark).size()) / 2;
    CHECK(guessed >= 11);
    CHECK(guessed <= 12);
    CHECK(refused == 40 - guessed);
    CHECK(guard.failures(Kind::login) == 40);
}

TEST_CASE("a native chain: the guard executes it, and its last program reports the success") {
    const Guard guard;
    const auto link = native_link(guard.parent, "checkpassword");
    for (int i = 0; i < 3; ++i) {
        const auto wrong = guard.run({"--native", link, built("next-link"), "7"});
        CHECK(wrong.status == 1);
        CHECK(wrong.out == "");
        CHECK(wrong.err == "");
    }
    CHECK(guard.failures(Kind::pair) == 3);

    auto program =
        guard.program({"--native", link, built("next-link"), "7", "two"}, "joe", home, "right");
    program.input = "from the client";
    const auto outcome = run(program);
    CHECK(outcome.status == 7);
    CHECK(outcome.err == "");
    const auto seen = parse_next_link(outcome.out);
    CHECK(seen.argv == Words{built("next-link"), "7", "two"});
    CHECK(seen.own_group); // it is the guard's process, which led its group
    CHECK(seen.descriptors == std::vector{0, 1, 2});
    CHECK(seen.blocked.empty());
    CHECK(seen.ignored.empty());
    CHECK(guard.failures(Kind::pair) == 3);
    CHECK(guard.failures(Kind::address) == 3);

    // The charge is taken back before the program starts. The program has no children except its
    // own.
    CHECK(guard.run({"--native", link, "/bin/true"}).status == 1);
    const auto copy = guard.parent.file("copy");
    ::mkdir(copy.c_str(), 0700);
    const auto deeds =
        "cp " + guard.directory + "/state " + copy + "; cat /proc/$$/task/$$/children";
    const auto shell =
        run(guard.program({"--native", link, "/bin/sh", "-c", deeds}, "joe", home, "right"));
    CHECK(shell.status == 0);
    CHECK(shell.out.find_first_not_of(" \n0123456789") == std::string::npos);
    CHECK(std::count(shell.out.begin(), shell.out.end(), ' ') <= 1); // cat itself
    Guard copied;
    copied.directory = copy;
    CHECK(copied.failures(Kind::pair) == 4);

    CHECK(
        run(guard.program({"--native", link, "/bin/sh", "-c", "kill -9 $$"}, "joe", home, "right"))
            .signal == SIGKILL);
}

TEST_CASE("a native chain is one also by the environment") {
    for (const char* const name : {"NATIVE_CHECKPASSWORD", "DOVECOT_VERSION"}) {
        const Guard guard;
        const auto link = native_link(guard.parent, "checkpassword");
        auto program = guard.program({link, "/bin/true"});
        program.environment[name] = "1";
        CHECK(run(program).status == 1);
        CHECK(guard.failures(Kind::pair) == 1);
        program.record = record("joe", "right");
        CHECK(run(program).status == 0);
        CHECK(guard.failures(Kind::pair) == 1);
    }
}

TEST_CASE("in a native chain the client gets no text, and the log says why") {
    const Guard guard;
    const auto link = native_link(guard.parent, "checkpassword");
    const Words words{"-n", "1", "--native", link, "/bin/true"};
    CHECK(guard.run(words, "joe x").status == 1);
    const auto outcome = guard.run(words, "joe x");
    CHECK(outcome.status == 111);
    CHECK(outcome.out == "");
    CHECK(outcome.err.starts_with(
        "checkpw-throttle: too many attempts: user=joe\\x20x ip=192.0.2.1 wait="));
}

TEST_CASE("a native chain: whatever comes between, the charge stays unless the user has passed") {
    const Guard guard;
    const auto link = native_link(guard.parent, "checkpassword");
    Process process{guard.program({"--native", "/bin/sh", "-c", "echo up; exec sleep 30", "sh",
                                   "checkpw-throttle", "--passed", "9", "/bin/true"})};
    REQUIRE(process.run_until_out("up"));
    CHECK(guard.failures(Kind::pair) == 1);
    process.signal(SIGKILL);
    CHECK(process.wait().signal == SIGKILL);
    std::this_thread::sleep_for(milliseconds{100});
    CHECK(guard.failures(Kind::pair) == 1);

    // The link cannot be run, so nothing was learned.
    CHECK(guard.run({"--native", "/nonexistent/checkpassword", "/bin/true"}).status == 2);
    CHECK(guard.failures(Kind::pair) == 1);

    // This link closes unknown descriptors. Its users learn about it at once.
    const auto closes = guard.parent.file("closes");
    write_file(closes, "#!/bin/sh\nexec 5>&- 6>&- 7>&- 8>&- 9>&-\nexec \"$@\"\n", 0755);
    const auto outcome =
        guard.run({"--native", closes, "checkpw-throttle", "--passed", "1", "/bin/true"});
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find("must stay open from the guard to here") != std::string::npos);
}

TEST_CASE("a native chain may become another user, and no process is left") {
    if (missing(::geteuid() == 0, "root")) return;
    const Guard guard;
    const auto link = native_link(guard.parent, "checkpassword",
                                  "setpriv --reuid 65534 --regid 65534 --clear-groups");
    (void)reachable("checkpw-throttle", guard.parent);
    auto program =
        guard.program({"--native", link, "/bin/sh", "-c", "id -u; pwd"}, "joe", home, "right");
    program.argv[0] = "./checkpw-throttle"; // the chain may change its directory
    program.directory = guard.parent.path();
    CHECK(guard.run({"--native", link, "/bin/true"}).status == 1);
    CHECK(guard.failures(Kind::pair) == 1);
    const auto outcome = run(program);
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "65534\n" + guard.parent.path() + "\n");
    CHECK(guard.failures(Kind::pair) == 1);
}

TEST_CASE("checkpw in a native chain") {
    if (missing(::geteuid() == 0, "root")) return;
    const Guard guard;
    const auto copy = reachable("checkpw-throttle", guard.parent);
    const auto file = guard.parent.file("users");
    write_file(file, "joe:{CRYPT}" + hash_of_old + ":65534:65534::/tmp:/bin/sh:\n");
    const auto attempt = [&](const std::string& password) {
        auto program = guard.program({"--native", built("checkpw"), "--native", "-f", file,
                                      "/bin/sh", "-c", "id -u; pwd; echo $USER"},
                                     "joe", home, password);
        program.argv[0] = copy;
        return run(program);
    };
    CHECK(attempt("wrong").status == 1);
    CHECK(guard.failures(Kind::pair) == 1);
    const auto outcome = attempt("old");
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "65534\n/tmp\njoe\n");
    CHECK(outcome.err == "");
    CHECK(guard.failures(Kind::pair) == 1);
}

TEST_CASE("checkpw in a native chain: root runs no program for a virtual user") {
    if (missing(::geteuid() == 0, "root")) return;
    const Guard guard;
    const auto copy = reachable("checkpw-throttle", guard.parent);
    const auto file = guard.parent.file("users");
    write_file(file, "joe:{CRYPT}" + hash_of_old + "::::::\n");
    const auto attempt = [&](const Words& options) {
        auto program = guard.program(Words{"--native", built("checkpw"), "--native", "-f", file} +
                                         options + Words{"/bin/sh", "-c", "id -u"},
                                     "joe", home, "old");
        program.argv[0] = copy;
        return run(program);
    };
    const auto refused = attempt({});
    CHECK(refused.status == 111);
    CHECK(refused.out == "");
    CHECK(guard.failures(Kind::pair) == 1);
    const auto outcome = attempt({"--virtual", "nobody"});
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "65534\n");
    CHECK(guard.failures(Kind::pair) == 1);
}

TEST_CASE("--strip: names that the links behind take for one user are one login") {
    const Guard guard;
    const auto attempt = [&](const std::string& strip, const std::string& login) {
        run(guard.program({"--strip", strip, built("next-link"), "1", "/bin/false"}, login, home,
                          "bad"));
    };
    for (const std::string login : {"joe", "joe@n.x", "JOE@other.example"}) attempt("*", login);
    CHECK(guard.failures(Kind::pair) == 3);
    attempt("n.x", "joe@N.x");
    CHECK(guard.failures(Kind::pair) == 4);
    attempt("n.x", "joe@other.example"); // another user
    CHECK(guard.failures(Kind::pair) == 4);
    // The chain gets the login as it came.
    const auto seen =
        parse_next_link(run(guard.program({"--strip", "*", built("next-link"), "0", "/bin/false"},
                                          "ann@n.x", home, "bad"))
                            .out);
    CHECK(seen.record == bytes("ann@n.x\0bad\0\0\0"));
    const auto empty = guard.run({"--strip", "", "/bin/false"});
    CHECK(empty.status == 2);
    CHECK(empty.err.find("--strip must name a domain") != empty.err.npos);
}

TEST_CASE("where the program of a native chain begins") {
    struct Case {
        Words chain;
        Words marked; // empty: misuse
    };
    const Words mark{"/guard", "--passed", "9"};
    const auto pop = Words{"qmail-pop3d", "Maildir"};
    const Case cases[] = {
        {{"checkpassword", "qmail-pop3d", "Maildir"}, Words{"checkpassword"} + mark + pop},
        {{"/bin/checkpassword.login", "prog", "--", "-x"},
         Words{"/bin/checkpassword.login"} + mark + Words{"prog", "--", "-x"}},
        {{"vchkpw", "prog"}, Words{"vchkpw"} + mark + Words{"prog"}},
        {Words{"checkpw", "--native"} + pop, Words{"checkpw", "--native"} + mark + pop},
        {Words{"/usr/local/sbin/checkpw", "-eH", "-ffile", "-F", "shadow", "--min-uid", "7"} + pop,
         Words{"/usr/local/sbin/checkpw", "-eH", "-ffile", "-F", "shadow", "--min-uid", "7"} +
             mark + pop},
        {Words{"checkpw", "--native", "--virtual", "vmail"} + pop,
         Words{"checkpw", "--native", "--virtual", "vmail"} + mark + pop},
        {Words{"checkpw", "--min-uid=7", "--"} + pop,
         Words{"checkpw", "--min-uid=7", "--"} + mark + pop},
        {Words{"checkpw", "-f", "--", "--"} + pop, Words{"checkpw", "-f", "--", "--"} + mark + pop},
        {Words{"checkpw", "prog", "-f", "x"}, Words{"checkpw"} + mark + Words{"prog", "-f", "x"}},
        {Words{"checkpw-pam", "-s", "pop", "--native", "--strip", "*"} + pop,
         Words{"checkpw-pam", "-s", "pop", "--native", "--strip", "*"} + mark + pop},
        {Words{"checkpw-ldap", "-H", "ldap://h", "-D", "uid=%u", "--starttls", "--ca", "f", "-t",
               "3"} +
             pop,
         Words{"checkpw-ldap", "-H", "ldap://h", "-D", "uid=%u", "--starttls", "--ca", "f", "-t",
               "3"} +
             mark + pop},
        {{"any", "-x", "checkpw-throttle", "--passed", "5", "prog"},
         Words{"any", "-x"} + mark + Words{"prog"}},
        {{"checkpw", "a", "/opt/checkpw-throttle", "--passed", "x", "prog", "checkpw-throttle",
          "--passed", "1"},
         Words{"checkpw", "a"} + mark + Words{"prog", "checkpw-throttle", "--passed", "1"}},
        {{"checkpw"}, {}},
        {{"checkpassword"}, {}},
        {{"checkpw", "--native", "--"}, {}},
        {{"checkpw", "-f"}, {}},
        {{"checkpw", "-f", "prog"}, {}},
        {{"checkpw", "-s", "x", "prog"}, {}}, // an option of another link
        {{"checkpw-pam", "--s", "prog"}, {}}, // several options begin like this
        {{"checkpw", "--help", "prog"}, {}},
        {{"env", "A=b", "checkpw", "prog"}, {}},
        {{"cvm-checkpassword", "cvm-unix", "prog"}, {}},
        {{"checkpw-throttle", "checkpw", "prog"}, {}},
        {{"/sbin/checkpw-throttle", "any", "checkpw-throttle", "--passed", "5", "prog"}, {}},
        {{"any", "checkpw-throttle", "--passed", "5"}, {}},
        {{"any", "checkpw-throttle", "--passed"}, {}},
        {{"any", "checkpw-throttle", "-x", "prog"}, {}},
    };
    for (auto [chain, expected] : cases) {
        std::string line;
        for (const auto& word : chain) line += word + ' ';
        CAPTURE(line);
        std::vector<char*> argv;
        for (auto& word : chain) argv.push_back(word.data());
        argv.push_back(nullptr);
        auto made = MarkedChain::make({argv.data(), chain.size()}, "/guard");
        REQUIRE(static_cast<bool>(made) == !expected.empty());
        if (!made) {
            CHECK(made.error().status == ExitStatus::misused);
            continue;
        }
        const Chain marked = made->with_number(9);
        CHECK(Words(marked.begin(), marked.end()) == expected);
        CHECK(*marked.end() == nullptr);
    }
}

TEST_CASE("the guard knows every option of our own links") {
    // Found from the command line alone: a word that follows an option is its value.
    const std::regex option{
        "(?:^|[\\[|( ])(--?[A-Za-z][A-Za-z-]*)((?:\\|--?[A-Za-z-]+)*)( [^-\\[|)])?"};
    int links = 0;
    for (const std::string name : {"checkpw", "checkpw-pam", "checkpw-ldap"}) {
        if (!is_built(name)) continue;
        ++links;
        const auto usage = run({.argv = {built(name), "--help"}}).out;
        REQUIRE(usage.find("--native") != std::string::npos);
        for (std::sregex_iterator match{usage.begin(), usage.end(), option}, end; match != end;
             ++match) {
            Words options{(*match)[1]};
            const std::string more = (*match)[2];
            if (!more.empty()) options.push_back(more.substr(more.rfind('|') + 1));
            for (const auto& word : options) {
                CAPTURE(name);
                CAPTURE(word);
                Words chain{name, word};
                if ((*match)[3].matched) chain.push_back("value");
                const auto expected = chain + Words{"/guard", "--passed", "9", "prog"};
                chain.push_back("prog");
                std::vector<char*> argv;
                for (auto& part : chain) argv.push_back(part.data());
                argv.push_back(nullptr);
                auto made = MarkedChain::make({argv.data(), chain.size()}, "/guard");
                REQUIRE(made);
                const Chain marked = made->with_number(9);
                CHECK(Words(marked.begin(), marked.end()) == expected);
            }
        }
    }
    CHECK(links > 0);
}

TEST_CASE("Dovecot's look-ups are not counted; a request that only looks like one is counted") {
    const Guard guard;
    const auto link = guard.parent.file("checkpassword");
    write_file(link, "#!/bin/sh\ncat <&3 >/dev/null\n[ \"$AUTHORIZED\" ] || exit 1\nexec \"$@\"\n",
               0755);
    const Fd reply{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    auto lookup = guard.program({"-n", "1", link, "/bin/sh", "-c", "exit 5"});
    lookup.record = bytes("joe\0\0\0");
    lookup.environment["DOVECOT_VERSION"] = "2.3.19";
    lookup.environment["AUTHORIZED"] = "1";
    lookup.descriptors = {{4, reply.get()}};
    for (int i = 0; i < 3; ++i) CHECK(run(lookup).status == 5);
    CHECK(guard.failures(Kind::pair) == 0);

    const auto is_counted = [&](Program program) {
        program.argv = {built("checkpw-throttle"),
                        "-d",
                        guard.directory,
                        "--native",
                        link,
                        "/bin/sh",
                        "-c",
                        "exit 5"};
        const auto before = guard.failures(Kind::pair);
        program.environment["PATH"] = "/nonexistent"; // so that no password is right
        (void)run(program);
        return guard.failures(Kind::pair) == before + 1;
    };
    write_file(link, "#!/bin/sh\nexit 1\n", 0755);
    CHECK(!is_counted(lookup));
    auto with_password = lookup;
    with_password.record = bytes("joe\0password\0\0");
    CHECK(is_counted(with_password));
    auto without_4 = lookup;
    without_4.descriptors = {};
    CHECK(is_counted(without_4));
    auto not_dovecot = lookup;
    not_dovecot.environment["DOVECOT_VERSION"] = std::nullopt;
    CHECK(is_counted(not_dovecot));
    auto not_authorized = lookup;
    not_authorized.environment["AUTHORIZED"] = "2";
    CHECK(is_counted(not_authorized));
}

TEST_CASE("fifty users behind one webmail: one guesses, the others change their passwords") {
    constexpr int users = 50;
    const Guard guard;
    const auto name = [](int i) { return "user" + std::to_string(i); };
    std::string lines;
    for (int i = 0; i < users; ++i) lines += name(i) + ":" + hash_of_old + ":19000:0:99999:7:::\n";
    const auto file = guard.parent.file("users");
    write_file(file, lines);
    const auto session = [&](const std::string& input) {
        auto program =
            under_poppass(guard, {"-n", "3", built("checkpw"), "-f", file, "/bin/false"}, input);
        program.environment["PASSWORD_COMMAND"] =
            built("setpw") + " -m sha256crypt -c 1000 -f " + file + " /bin/false";
        return run(program);
    };
    const auto change = [&](int i, const std::string& old) {
        return session("user " + name(i) + "\r\npass " + old + "\r\nnewpass brand-new\r\nquit\r\n");
    };
    const auto guess = "user user0\r\npass guess\r\n";
    const auto first = session(std::string{guess} + guess + guess);
    CHECK(first.out.find("500 Old password is incorrect.") != std::string::npos);
    const auto second = session(std::string{guess} + guess + guess);
    CHECK(second.out.find("500 Temporary failure: Too many attempts, try again in ") !=
          std::string::npos);
    CHECK(second.err.find("event=check result=temporary user=user0 ip=127.0.0.1") !=
          std::string::npos);
    CHECK(second.err.find("words=Too\\x20many\\x20attempts") != std::string::npos);

    for (int i = 1; i < users; ++i) {
        const auto outcome = change(i, "old");
        CHECK_MESSAGE(outcome.out.find("200 Password changed, thank-you.\r\n200 Bye.\r\n") !=
                          std::string::npos,
                      outcome.out << outcome.err);
    }
    const auto after = read_file(file);
    CHECK(after.find("user0:" + hash_of_old) != std::string::npos);
    CHECK(std::count(after.begin(), after.end(), '\n') == users);
    for (int i = 1; i < users; ++i)
        CHECK(after.find(name(i) + ":" + hash_of_old) == std::string::npos);
    CHECK(guard.failures(Kind::pair, "user0", "127.0.0.1") == 3);
    CHECK(guard.failures(Kind::pair, "user1", "127.0.0.1") == 0);
}

TEST_CASE("a chain that runs longer than poppass's limit is ended whole, and its charge stays") {
    const Guard guard;
    const auto path = guard.parent.file("pid");
    auto program = under_poppass(guard, rest("echo $$ >" + path + "; trap '' TERM; sleep 50"),
                                 "user joe\r\npass wrong\r\n");
    program.environment["POPPASS_RUN"] = "1";
    const auto outcome = run(program);
    CHECK(outcome.out.find("500 Temporary failure") != std::string::npos);
    CHECK(outcome.err.find("event=check result=unknown user=joe ip=127.0.0.1") !=
          std::string::npos);
    CHECK(has_ended(std::stoi(read_file(path))));
    CHECK(guard.failures(Kind::pair, "joe", "127.0.0.1") == 1);
}

TEST_CASE("a native chain under poppass") {
    const Guard guard;
    const auto link = native_link(guard.parent, "checkpassword");
    const Words words{"-n", "2", "--native", link, "/bin/true"};
    const auto outcome =
        run(under_poppass(guard, words, "user joe\r\npass wrong\r\nuser joe\r\npass right\r\n"));
    CHECK(outcome.err.find("event=check result=refused") != std::string::npos);
    CHECK(outcome.err.find("event=check result=accepted") != std::string::npos);
    CHECK(guard.failures(Kind::pair, "joe", "127.0.0.1") == 1);
    CHECK(guard.failures(Kind::login) == 1);
    const std::string guess = "user joe\r\npass wrong\r\n";
    const auto refused = run(under_poppass(guard, words, guess + guess + guess));
    CHECK(refused.out.find("Too many attempts") == std::string::npos);
    CHECK(refused.err.find("event=check result=temporary") != std::string::npos);
}
