#include "link/chain.hh"

#include "base/log.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

// The tail of an argv, as a link sees it.
class Words {
public:
    explicit Words(std::vector<std::string> words) : words_{std::move(words)} {
        for (auto& word : words_) pointers_.push_back(word.data());
        pointers_.push_back(nullptr);
    }
    Chain chain() const { return {pointers_.data(), words_.size()}; }

private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

// Runs the next link the way a link does, with `before` done first, in a process of its own.
Outcome run_chain(const std::vector<std::string>& next, std::string_view record, Program program,
                  const std::function<void()>& before = {}) {
    const Words words{next};
    program.argv = {"/bin/false"}; // never reached
    program.before_exec = [&] {
        if (before) before();
        Secret secret{513}; // made here, for a fork wipes it
        if (!secret.assign({record})) ::_exit(99);
        const Error error = run_next_with_record(words.chain(), secret);
        complain("chain", error.message());
        ::_exit(secret.size() == 0 ? static_cast<int>(error.status) : 98);
    };
    return run(program);
}

} // namespace

TEST_CASE("which convention a chain has") {
    struct Case {
        std::vector<std::string> chain;
        std::optional<Convention> undeclared;
        std::optional<Convention> declared_native;
    };
    constexpr auto fallback = Convention::fallback;
    constexpr auto native = Convention::native;
    const Case cases[] = {
        {{}, fallback, {}},
        {{"false"}, fallback, native},
        {{"/bin/false"}, fallback, native},
        {{"/usr/local/bin/false"}, fallback, native},
        {{"./false"}, fallback, native},
        {{"checkpw-pam", "-s", "x", "/bin/false"}, fallback, native},
        {{"checkpw", "--", "false"}, fallback, native},
        {{"qmail-pop3d", "Maildir"}, {}, native},
        {{"true"}, {}, native},
        {{"/bin/true"}, {}, native},
        {{"false", "x"}, {}, native},
        {{"false", ""}, {}, native},
        {{"false "}, {}, native},
        {{" false"}, {}, native},
        {{"False"}, {}, native},
        {{"falsee"}, {}, native},
        {{"not-false"}, {}, native},
        {{"/bin/false/"}, {}, native},
        {{"/false/true"}, {}, native},
        {{""}, {}, native},
        {{"/"}, {}, native},
    };
    for (const auto& [words, undeclared, declared] : cases) {
        CAPTURE(words.size());
        CAPTURE(words.empty() ? std::string{"(none)"} : words.back());
        const Words next{words};
        for (const bool said : {false, true}) {
            const auto& expected = said ? declared : undeclared;
            const auto chosen = choose_convention(next.chain(), said);
            REQUIRE(static_cast<bool>(chosen) == expected.has_value());
            if (expected) {
                CHECK(*chosen == *expected);
                continue;
            }
            CHECK(chosen.error().status == ExitStatus::misused);
            const auto words_of_it = chosen.error().message();
            if (said) continue;
            for (const char* const remedy : {"/bin/false", "--native", "NATIVE_CHECKPASSWORD"})
                CHECK(words_of_it.find(remedy) != std::string::npos);
        }
    }
}

TEST_CASE("the next link finds the record on descriptor 3, whatever was there before") {
    const auto record = bytes("joe\0s\377cret\0\0\0");
    const std::vector<std::string> next{built("next-link"), "7", "a b", ""};
    const auto check = [&](const Outcome& end, const std::vector<int>& descriptors) {
        CHECK(end.err == "");
        CHECK(end.status == 7);
        const auto link = parse_next_link(end.out);
        CHECK(link.ran);
        CHECK(link.argv == next);
        CHECK(link.record == record);
        CHECK(link.descriptors == descriptors);
    };
    const std::vector<int> usual{0, 1, 2, 3};
    const Fd other{::open("/etc/passwd", O_RDONLY | O_CLOEXEC)};
    SUBCASE("closed") {
        check(run_chain(next, record, {}, [] { ::close(3); }), usual);
    }
    SUBCASE("3 and 4 closed, as after reading the record") {
        check(run_chain(next, record, {},
                        [] {
                            ::close(3);
                            ::close(4);
                        }),
              usual);
    }
    SUBCASE("the old record, unread") {
        check(run_chain(next, record, {.record = "the old one"}), usual);
    }
    SUBCASE("something else, close-on-exec") {
        check(run_chain(next, record, {}, [&] { ::dup3(other.get(), 3, O_CLOEXEC); }), usual);
    }
    SUBCASE("4 is open for Dovecot's reply program, and stays") {
        const std::vector<int> with_4{0, 1, 2, 3, 4};
        check(run_chain(next, record, {.descriptors = {{4, other.get()}}}, [] { ::close(3); }),
              with_4);
        check(run_chain(next, record, {.record = "", .descriptors = {{4, other.get()}}}), with_4);
    }
}

TEST_CASE("records of every size arrive whole") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}}) {
        CAPTURE(size);
        const std::string record(size, 'r');
        const auto end = run_chain({built("next-link")}, record, {});
        CHECK(parse_next_link(end.out).record == record);
    }
}

TEST_CASE("the next link is found in PATH and given our environment") {
    const TemporaryDirectory directory;
    write_file(directory.file("next"), "#!/bin/sh\necho \"$0 $1 $WORD\"; cat <&3\n", 0755);
    const auto path = directory.path() + ":/usr/bin:/bin";
    const auto end = run_chain({"next", "one"}, "record", {}, [&] {
        ::setenv("PATH", path.c_str(), 1);
        ::setenv("WORD", "two", 1);
    });
    CHECK(end.status == 0);
    CHECK(end.out == directory.file("next") + " one two\nrecord");
}

TEST_CASE("a next link that cannot be run is an error, and the record is wiped") {
    const TemporaryDirectory directory;
    write_unrunnable_files(directory);
    struct Case {
        std::string path;
        int status;
        std::string words;
    };
    for (const auto& [path, status, words] : {
             Case{directory.file("nothing"), 2, "No such file or directory"},
             Case{directory.file("not-executable"), 2, "Permission denied"},
             Case{directory.file("no-program"), 2, "Exec format error"},
             Case{directory.path(), 2, "Permission denied"},
             Case{directory.file("no-interpreter"), 111, "No such file or directory"},
             Case{"no-such-program", 2, "not found in PATH"},
             Case{"", 2, "a program's name is empty"},
         }) {
        CAPTURE(path);
        const auto end = run_chain({path}, "record", {});
        CHECK(end.status == status);
        CHECK(end.out == "");
        CHECK(end.err.starts_with("chain: "));
        CHECK(end.err.find(words) != std::string::npos);
    }
}

TEST_CASE("run_next leaves the descriptors as they are") {
    const Words words{{built("next-link"), "3"}};
    Program program{.argv = {"/bin/false"}, .record = "untouched"};
    program.before_exec = [&] {
        (void)run_next(words.chain());
        ::_exit(97);
    };
    const auto end = run(program);
    CHECK(end.status == 3);
    const auto link = parse_next_link(end.out);
    CHECK(link.record == "untouched");
    CHECK(link.descriptors == std::vector{0, 1, 2, 3});
}
