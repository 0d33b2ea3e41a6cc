#include "link/link.hh"

#include "base/command_line.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <new>
#include <stdexcept>

using namespace poppass;
using namespace poppass::test;

namespace {

using Body = Result<ExitStatus> (*)(const KnownLink& link, Chain words);

// A link with this body, as its main would run it.
Outcome run_body(Body body, const std::vector<int>& closed = {},
                 const std::map<int, int>& descriptors = {}, std::string word = {}) {
    char name[] = "setpw";
    char* argv[] = {name, word.empty() ? nullptr : word.data(), nullptr};
    const int argc = word.empty() ? 1 : 2;
    return run({.argv = {"/bin/false"}, // never reached
                .closed = closed,
                .descriptors = descriptors,
                .before_exec = [&] { ::_exit(run_link("setpw", argc, argv, body)); }});
}

bool is_null(int fd) {
    char path[32];
    const auto n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    return n > 0 && std::string_view{path, static_cast<std::size_t>(n)} == "/dev/null";
}

} // namespace

TEST_CASE("the body's status is the link's, and nothing is written about it") {
    const Body bodies[] = {
        [](const KnownLink&, Chain) -> Result<ExitStatus> { return ExitStatus::accepted; },
        [](const KnownLink&, Chain) -> Result<ExitStatus> { return ExitStatus::rejected; },
        [](const KnownLink&, Chain) -> Result<ExitStatus> { return ExitStatus::misused; },
        [](const KnownLink&, Chain) -> Result<ExitStatus> { return ExitStatus::temporary; },
    };
    const int statuses[] = {0, 1, 2, 111};
    for (std::size_t i = 0; i < 4; ++i) {
        const auto end = run_body(bodies[i]);
        CHECK(end.status == statuses[i]);
        CHECK(end.out == "");
        CHECK(end.err == "");
    }
}

TEST_CASE("its error is one line, and a status") {
    auto end = run_body(
        [](const KnownLink&, Chain) -> Result<ExitStatus> { return misuse("no\nsuch thing"); });
    CHECK(end.status == 2);
    CHECK(end.err == "setpw: no\\x0asuch thing\n");
    end = run_body([](const KnownLink&, Chain) -> Result<ExitStatus> {
        errno = ENOENT;
        return system_trouble("open", "/etc/x");
    });
    CHECK(end.status == 111);
    CHECK(end.err == "setpw: open /etc/x: No such file or directory\n");
    CHECK(end.out == "");
}

TEST_CASE("an exception is temporary trouble") {
    auto end =
        run_body([](const KnownLink&, Chain) -> Result<ExitStatus> { throw std::bad_alloc{}; });
    CHECK(end.status == 111);
    CHECK(end.err == "setpw: std::bad_alloc\n");
    end = run_body([](const KnownLink&, Chain) -> Result<ExitStatus> {
        throw std::length_error{"too\tlong"};
    });
    CHECK(end.status == 111);
    CHECK(end.err == "setpw: too\\x09long\n");
}

TEST_CASE("a wrong option is named as it was written") {
    struct Case {
        std::vector<std::string> words;
        std::string said;
    };
    for (const auto& [words, said] : {
             Case{{"-z"}, "no such option: -z"},
             Case{{"-zq"}, "no such option: -z"},
             Case{{"-qz"}, "no such option: -z"},
             Case{{"--quiet", "-zq"}, "no such option: -z"},
             Case{{"--nonsense", "-q"}, "no such option: --nonsense"},
             Case{{"--quiet=3", "-q"}, "no such option: --quiet=3"},
             Case{{"-q", "-f"}, "no value for the option -f"},
             Case{{"--file"}, "no value for the option --file"},
         }) {
        std::vector<std::string> own{"link"};
        own.insert(own.end(), words.begin(), words.end());
        std::vector<char*> argv;
        for (auto& word : own) argv.push_back(word.data());
        argv.push_back(nullptr);
        const option long_options[] = {
            {"file", required_argument, nullptr, 'f'}, {"quiet", no_argument, nullptr, 'q'}, {}};
        optind = 0; // begin anew, says getopt(3)
        opterr = 0;
        int c = 'q';
        while (c == 'q')
            c = ::getopt_long(static_cast<int>(own.size()), argv.data(), "+:f:q", long_options,
                              nullptr);
        CHECK(wrong_option(c, argv.data(), "link ...").message() == said + "; usage: link ...");
    }
}

TEST_CASE("the body is not dumpable and has its standard descriptors") {
    const auto end = run_body(
        [](const KnownLink&, Chain) -> Result<ExitStatus> {
            const bool dumpable = hardened && ::prctl(PR_GET_DUMPABLE) != 0;
            return !dumpable && is_null(0) && is_null(1) && is_null(2) ? ExitStatus::accepted
                                                                       : ExitStatus::rejected;
        },
        {0, 1, 2});
    CHECK(end.status == 0);
}

TEST_CASE("help and version go to descriptor 1") {
    auto end = run_body([](const KnownLink& link, Chain) -> Result<ExitStatus> {
        return answer(link, Deed::help);
    });
    CHECK(end.status == 0);
    CHECK(end.out.starts_with("usage: setpw [-f FILE]"));
    const Body version = [](const KnownLink& link, Chain) -> Result<ExitStatus> {
        return answer(link, Deed::version);
    };
    end = run_body(version);
    CHECK(end.status == 0);
    CHECK(end.out.starts_with("setpw "));
    CHECK(end.out.size() > 7);
    const Fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    CHECK(run_body(version, {}, {{1, full.get()}}).status == 111);
}

TEST_CASE("--check writes a report to descriptor 1, and an error is a line of it") {
    auto end = run_body([](const KnownLink& link, Chain) -> Result<ExitStatus> {
        return look_over(link, [](Report& report) -> Result<void> {
            report.warn("file", "is old");
            return {};
        });
    });
    CHECK(end.status == 1);
    CHECK(end.out ==
          "[\n  {\"level\": \"warning\", \"subject\": \"file\", \"text\": \"is old\"}\n]\n");
    end = run_body([](const KnownLink& link, Chain) -> Result<ExitStatus> {
        return look_over(link, [](Report&) -> Result<void> { return trouble("no file"); });
    });
    CHECK(end.status == 2);
    CHECK(end.out ==
          "[\n  {\"level\": \"error\", \"subject\": \"setpw\", \"text\": \"no file\"}\n]\n");
    CHECK(end.err == "");
}

TEST_CASE("with --check as its first word a link reports in JSON what its options lack, too") {
    const Body body = [](const KnownLink&, Chain) -> Result<ExitStatus> {
        return misuse("-c must be a number");
    };
    const auto end = run_body(body, {}, {}, "--check");
    CHECK(end.status == 2);
    CHECK(end.out == "[\n  {\"level\": \"error\", \"subject\": \"setpw\", "
                     "\"text\": \"-c must be a number\"}\n]\n");
    CHECK(end.err == "");
    CHECK(run_body(body, {}, {}, "--checks").out == "");
}
