// Tests of the test frame itself: what the other suites rely on.
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace poppass;
using namespace poppass::test;

namespace {

Program shell(std::string script) { return {.argv = {"/bin/sh", "-c", std::move(script)}}; }

} // namespace

TEST_CASE("run: status, signal, and both outputs") {
    auto end = run(shell("echo out; echo err >&2; exit 7"));
    CHECK(end.status == 7);
    CHECK(end.signal == 0);
    CHECK(end.out == "out\n");
    CHECK(end.err == "err\n");
    CHECK_FALSE(end.timed_out);
    end = run(shell("kill -SEGV $$"));
    CHECK(end.status == -1);
    CHECK(end.signal == SIGSEGV);
    CHECK_THROWS(run({.argv = {"/nonexistent/program"}}));
    CHECK_THROWS(run({.argv = {"/bin/sh"}, .directory = "/nonexistent"}));
}

TEST_CASE("run: much goes in and comes out without a deadlock, read or not") {
    const std::string much(3'000'000, 'x');
    const auto both = shell("tee /dev/stderr");
    auto program = both;
    program.input = much;
    auto end = run(program);
    CHECK(end.out == much);
    CHECK(end.err == much);
    program = shell("exit 3");
    program.input = much;
    CHECK(run(program).status == 3);
    program = shell("exec <&-; head -c 1000000 /dev/zero; exit 4");
    program.input = much;
    end = run(program);
    CHECK(end.status == 4);
    CHECK(end.out.size() == 1'000'000);
}

TEST_CASE("run: one that does not end is killed with its group, at its time") {
    auto program = shell("sleep 1000 & echo $!; trap '' TERM; wait; sleep 1000");
    program.timeout = milliseconds{300};
    const auto before = std::chrono::steady_clock::now();
    const auto end = run(program);
    CHECK(end.timed_out);
    CHECK(end.signal == SIGKILL);
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds{10});
    CHECK(has_ended(std::stoi(end.out)));
}

TEST_CASE("run: processes left in its group delay nobody and are killed") {
    const auto end = run(shell("sleep 1000 & echo $!"));
    CHECK(end.status == 0);
    CHECK_FALSE(end.timed_out);
    CHECK(has_ended(std::stoi(end.out)));
}

TEST_CASE("next-link tells what it was given") {
    const auto record = bytes("joe\0s\377cret\0\0");
    const auto seen = [&](Program program) {
        program.argv.insert(program.argv.begin(), built("next-link"));
        const auto end = run(program);
        CHECK(end.err == "");
        return std::pair{end.status, parse_next_link(end.out)};
    };
    SUBCASE("a record, and words with odd bytes") {
        const auto [status, link] =
            seen({.argv = {"42", "", "a b\\\n\377\\x41"}, .record = record});
        CHECK(status == 42);
        CHECK(link.ran);
        CHECK(link.argv ==
              std::vector<std::string>{built("next-link"), "42", "", "a b\\\n\377\\x41"});
        CHECK(link.record == record);
        CHECK(link.descriptors == std::vector{0, 1, 2, 3});
        CHECK(link.blocked.empty());
        CHECK(link.ignored.empty());
        CHECK(link.own_group);
    }
    SUBCASE("no record, no descriptor") {
        const auto [status, link] = seen({.argv = {"9"}, .closed = {0, 2}});
        CHECK(status == 9);
        CHECK_FALSE(link.record);
        CHECK(link.descriptors == std::vector{1});
    }
    SUBCASE("a directory, a limit, and an environment that is exact") {
        const auto [status, link] = seen({.environment = {{"A", "1\n"}, {"B", {}}},
                                          .inherit = false,
                                          .directory = "/tmp",
                                          .before_exec = [] { ::signal(SIGHUP, SIG_IGN); }});
        CHECK(status == 0);
        CHECK(link.environment == std::map<std::string, std::string>{{"A", "1\n"}});
        CHECK(link.directory == "/tmp");
        CHECK(link.ignored == std::vector<int>{SIGHUP});
    }
    SUBCASE("our environment with changes") {
        const ScopedVariable kept{"POPPASS_TEST_KEPT", "yes"};
        const ScopedVariable unset{"POPPASS_TEST_UNSET", "yes"};
        const auto [status, link] =
            seen({.environment = {{"POPPASS_TEST_UNSET", {}}, {"POPPASS_TEST_NEW", "new"}}});
        CHECK(status == 0);
        CHECK(link.environment.at("POPPASS_TEST_KEPT") == "yes");
        CHECK(link.environment.at("POPPASS_TEST_NEW") == "new");
        CHECK_FALSE(link.environment.contains("POPPASS_TEST_UNSET"));
    }
    SUBCASE("its report in a file, and a descriptor of ours") {
        const TemporaryDirectory directory;
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const Fd ours{ends[0]}, theirs{ends[1]};
        const auto [status, nothing] =
            seen({.environment = {{"NEXT_LINK_OUT", directory.file("report")}},
                  .descriptors = {{0, theirs.get()}, {7, theirs.get()}}});
        CHECK(status == 0);
        CHECK_FALSE(nothing.ran);
        const auto link = parse_next_link(read_file(directory.file("report")));
        CHECK(link.ran);
        CHECK(link.descriptors == std::vector{0, 1, 2, 7});
    }
}

TEST_CASE("run as another user") {
    if (missing(::geteuid() == 0, "root")) return;
    const auto end = run({.argv = {built("next-link")}, .as = nobody});
    const auto link = parse_next_link(end.out);
    CHECK(link.uids == std::vector<uid_t>(3, 65534));
    CHECK(link.gids == std::vector<gid_t>(3, 65534));
    CHECK(link.groups.empty());
}

TEST_CASE("Process: a conversation") {
    Process process{shell("while read line; do echo \"<$line>\"; done; echo end; exit 5")};
    CHECK_FALSE(process.run_until([&] { return !process.out().empty(); }, milliseconds{50}));
    process.send("one\n");
    CHECK(process.run_until_out("<one>\n"));
    process.send("two\nthree\n");
    CHECK(process.run_until_out("<three>\n"));
    const auto end = process.wait();
    CHECK(end.status == 5);
    CHECK(end.out == "<one>\n<two>\n<three>\nend\n");
}

TEST_CASE("Process: ended by a signal, by itself, and by its destructor") {
    Process process{shell("echo ready; exec sleep 1000")};
    REQUIRE(process.run_until_out("ready"));
    process.signal(SIGTERM);
    CHECK_FALSE(process.run_until_out("never"));
    CHECK(process.wait().signal == SIGTERM);
    pid_t pid = 0;
    {
        Process left{shell("echo ready; exec sleep 1000")};
        CHECK(left.run_until_out("ready"));
        pid = left.pid();
        CHECK_FALSE(has_ended(pid, milliseconds{0}));
    }
    CHECK(has_ended(pid));
}

TEST_CASE("files, and a directory that goes with all that is in it") {
    std::string path;
    {
        const TemporaryDirectory directory;
        path = directory.path();
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0700);
        const auto content = bytes("a\0b\n");
        write_file(directory.file("x"), content, 0640);
        CHECK(read_file(directory.file("x")) == content);
        REQUIRE(::stat(directory.file("x").c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0640);
        REQUIRE(::mkdir(directory.file("d").c_str(), 0700) == 0);
        write_file(directory.file("d/y"), "");
        CHECK_THROWS(read_file(directory.file("none")));
        CHECK_THROWS(write_file(directory.file("none/none"), ""));
    }
    CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("a suite with an idle case fails, one that lacks something exits 77") {
    // Runs this program again, filtered to one case below.
    const auto suite = [](const char* name) {
        return run({.argv = {"/proc/self/exe", std::string{"--test-case="} + name, "--no-skip"}});
    };
    auto end = suite("idle");
    CHECK(end.status == 1);
    CHECK(end.out.find("\"idle\" asserts nothing") != std::string::npos);
    end = suite("lacking");
    CHECK(end.status == 77);
    CHECK(end.out.find("skipped for want of a unicorn\n") != std::string::npos);
    CHECK(suite("lacking,failing").status == 1);
    CHECK(suite("no such case").status == 1);
}

TEST_CASE("idle" * doctest::skip()) {}
TEST_CASE("lacking" * doctest::skip()) {
    if (missing(false, "a unicorn")) return;
}
TEST_CASE("failing" * doctest::skip()) { CHECK(1 + 1 == 3); }
