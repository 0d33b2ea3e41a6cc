// setpw-hook: which hooks run, what they get, what the user and the log are told, and what is left
// when it is killed at any step.
#include "support/conversation.hh"
#include "support/strace.hh"
#include "support/users_file.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

using namespace poppass::test;
using Clock = std::chrono::steady_clock;

namespace {

const std::string old_password = "0ld-Secret";
const std::string new_password = "N3w-Secret";
const std::string record = bytes("joe\0") + old_password + bytes("\0\0") + new_password + '\0';
const std::string nothing_changed =
    "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n";

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Whether the file appears in time. For files of processes that are no children of ours.
bool appears(const std::string& path) {
    for (const auto end = Clock::now() + milliseconds{10'000}; Clock::now() < end;) {
        if (exists(path)) return true;
        std::this_thread::sleep_for(milliseconds{5});
    }
    return false;
}

// The last line, without its line feed.
std::string last_line(const std::string& log) {
    if (log.empty()) return {};
    const auto before = log.rfind('\n', log.size() - 2);
    return log.substr(before + 1, log.size() - before - 2); // npos + 1 is 0
}

// What is done is marked in files of one directory, one byte each time.
struct Marks {
    TemporaryDirectory directory;

    std::string path(const std::string& name) const { return directory.file(name); }

    // A hook, or the rest of a chain, that marks what it does and then does more.
    Words link(const std::string& name, const Words& deeds = {}) const {
        Words words{"mark", path(name)};
        words.insert(words.end(), deeds.begin(), deeds.end());
        return fixture(words);
    }

    // Which were run, in the alphabet's order.
    std::string made() const {
        std::string names;
        for (const std::string name : {"after", "before", "rest", "undo"})
            if (exists(path(name))) {
                CHECK(read_file(path(name)) == "x");
                names += (names.empty() ? "" : " ") + name;
            }
        return names;
    }
};

Words chain(const Words& options, const Words& rest) {
    Words words{built("setpw-hook")};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back("--");
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
}

// All hooks, each of which marks itself; `before`, `undo` and `after` do more then.
struct Deeds {
    Words before = {}, undo = {}, after = {};
};

Words all_hooks(const Marks& marks, const Deeds& deeds = {}, const std::string& limit = "15") {
    return {"--before", quoted(marks.link("before", deeds.before)),
            "--undo",   quoted(marks.link("undo", deeds.undo)),
            "--after",  quoted(marks.link("after", deeds.after)),
            "-t",       limit};
}

Outcome hooked(const Marks& marks, const Deeds& deeds, const Words& rest,
               const std::string& limit = "15") {
    const auto outcome =
        run({.argv = chain(all_hooks(marks, deeds, limit), marks.link("rest", rest)),
             .record = record});
    CHECK_FALSE(has(outcome.err, old_password));
    CHECK_FALSE(has(outcome.err, new_password));
    return outcome;
}

// The log, without names and numbers of processes.
std::string steps(const Outcome& outcome, const std::string& user = "joe") {
    std::string text = outcome.err;
    const std::string start = "setpw-hook: user=" + user + " pid=";
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        REQUIRE(text.compare(at, start.size(), start) == 0);
        text.erase(at, text.find(' ', at + start.size()) + 1 - at);
    }
    return text;
}

const std::string begin_before = "--before begins; if this is the last line of this pid, the "
                                 "password is not changed, but run --undo\n";
const std::string begin_change =
    "the change begins; if this is the last line of this pid, it is not known whether the password "
    "is changed; if the old one holds, run --undo; if the new one holds, run --after\n";
const std::string begin_after = "the password is changed, and --after begins; if this is the last "
                                "line of this pid, run --after\n";

std::string begin_undo(const std::string& why) {
    return why + ", and --undo begins; if this is the last line of this pid, run --undo\n";
}

// One session through poppass, up to the answer to newpass, with its log.
struct Told {
    std::string reply;
    std::string log;
};

Told change_by_client(const Words& change, const Environment& environment = {}) {
    Conversation client{{.change = quoted(change), .environment = environment}};
    CHECK(client.ask("user joe") == "200 Your password please.");
    CHECK(client.ask("pass " + old_password) == "200 Your new password please.");
    client.send("newpass " + new_password + "\r\n");
    auto reply = client.reply(milliseconds{20'000}).value_or("(closed)");
    CHECK(client.ask("quit") == "200 Bye.");
    auto log = client.end().err;
    CHECK_FALSE(has(log, old_password));
    CHECK_FALSE(has(log, new_password));
    return {std::move(reply), std::move(log)};
}

const std::string changed = "200 Password changed, thank-you.";
const std::string result_unknown = "500 Result unknown: try the new password, then the old one.";

} // namespace

TEST_CASE("before, the rest and after run in this order, each with the record") {
    const Marks marks;
    const auto in_order = marks.path("order");
    const auto read = fixture({"record", in_order});
    const auto outcome =
        run({.argv = chain({"--before", quoted(read), "--after", quoted(read)}, read),
             .record = record});
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "");
    CHECK(read_file(in_order) == record + record + record);

    const auto all = hooked(marks, {}, {});
    CHECK(all.status == 0);
    CHECK(all.out == "");
    CHECK(marks.made() == "after before rest");
    CHECK(steps(all) == begin_before + begin_change + begin_after + "--after is done\n");
}

TEST_CASE("one hook alone") {
    const Marks marks;
    auto outcome = run({.argv = chain({"--after", quoted(marks.link("after"))}, marks.link("rest")),
                        .record = record});
    CHECK(outcome.status == 0);
    CHECK(marks.made() == "after rest");
    CHECK(steps(outcome) ==
          "the change begins; if this is the last line of this pid, it is not known whether the "
          "password is changed; if the new one holds, run --after\n" +
              begin_after + "--after is done\n");

    const Marks others;
    outcome = run({.argv = chain({"--before", quoted(others.link("before"))}, others.link("rest")),
                   .record = record});
    CHECK(outcome.status == 0);
    CHECK(others.made() == "before rest");
    CHECK(steps(outcome) ==
          "--before begins; if this is the last line of this pid, the password is not changed\n"
          "the change begins; if this is the last line of this pid, it is not known whether the "
          "password is changed\nthe password is changed\n");
}

TEST_CASE("a hook gets what a link gets, USER, and nothing more") {
    const TemporaryDirectory directory;
    const auto out = directory.file("out");
    const poppass::Fd leaked{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    const auto hook = quoted({built("next-link"), "0", "two words", "$USER"});
    const auto failing = fixture({"exit", "1"});
    for (const auto& [option, rest] : {std::pair{Words{"--before", hook}, fixture()},
                                       {Words{"--after", hook}, fixture()},
                                       {Words{"--before", "true", "--undo", hook}, failing}}) {
        CAPTURE(option[0]);
        const auto outcome = run({.argv = chain(option, rest),
                                  .environment = {{"NEXT_LINK_OUT", out}, {"USER", "somebody"}},
                                  .record = record,
                                  .descriptors = {{9, leaked.get()}},
                                  .before_exec = ignore_and_block_signals});
        CHECK(outcome.status == (rest == failing ? 1 : 0));
        const auto got = parse_next_link(read_file(out));
        CHECK(got.argv == Words{built("next-link"), "0", "two words", "$USER"});
        CHECK(got.record == record);
        CHECK(got.descriptors == std::vector{0, 1, 2, 3});
        CHECK(got.blocked.empty());
        for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD})
            CHECK(std::count(got.ignored.begin(), got.ignored.end(), number) == 0);
        CHECK(got.own_group);
        CHECK(got.core_limit == "0 0");
        REQUIRE(got.environment.contains("USER"));
        CHECK(got.environment.at("USER") == "joe");
        for (const auto& [name, value] : got.environment) {
            CHECK_FALSE(has(name + value, old_password));
            CHECK_FALSE(has(name + value, new_password));
        }
        ::unlink(out.c_str());
    }
}

TEST_CASE("the rest gets what it would get without the hooks") {
    const auto rest = Words{built("next-link"), "42", "more"};
    const Program alone{.argv = chain({"--before", "true", "--after", "true"}, rest),
                        .environment = {{"USER", "somebody"}},
                        .record = record};
    const auto outcome = run(alone);
    CHECK(outcome.status == 42);
    const auto got = parse_next_link(outcome.out);
    CHECK(got.argv == rest);
    CHECK(got.record == record);
    CHECK(got.descriptors == std::vector{0, 1, 2, 3});
    CHECK(got.blocked.empty());
    CHECK(got.ignored.empty());
    CHECK_FALSE(got.own_group);
    CHECK(got.parent_signal == 0); // it outlives us, so that it can finish
    CHECK(got.environment.at("USER") == "somebody");
}

TEST_CASE("before does not exit with 0: its answer is the answer, and the rest does not run") {
    struct Case {
        Words deeds;
        int status;
        std::string out;
        std::string ended;
    };
    const Case cases[] = {
        {{"exit", "1"}, 1, "", "1"},
        {{"say", "553 Sorry, not now (#5.7.1)\n", "exit", "1"},
         1,
         "553 Sorry, not now (#5.7.1)\n",
         "1"},
        {{"say", "words\n553-first\n553 second\n", "exit", "3"}, 3, "553-first\n", "3"},
        {{"exit", "100"}, 100, "", "100"},
        {{"exit", "2"}, 2, "", "2"},
        {{"exit", "111"}, 111, nothing_changed, "111"},
        {{"say", "454 Sorry, no link (#4.3.0)", "exit", "111"},
         111,
         "454 Sorry, no link (#4.3.0)\n",
         "111"},
        {{"say", "553 no\n", "exit", "101"}, 111, nothing_changed, "101"},
        {{"exit", "255"}, 111, nothing_changed, "255"},
        {{"say", "553 no\n", "die", "9"}, 111, nothing_changed, "signal9"},
    };
    for (const auto& row : cases) {
        CAPTURE(row.ended);
        const Marks marks;
        const auto outcome = hooked(marks, {.before = row.deeds}, {});
        CHECK(outcome.status == row.status);
        CHECK(outcome.out == row.out);
        const std::string what =
            "the password is not changed (--before ended with status=" + row.ended + ")";
        // If it did not refuse, it may have done something.
        if (row.status != 111) {
            CHECK(marks.made() == "before");
            CHECK(steps(outcome) == begin_before + what + "\n");
        } else {
            CHECK(marks.made() == "before undo");
            CHECK(steps(outcome) == begin_before + begin_undo(what) + what + "; --undo is done\n");
        }
    }
}

TEST_CASE("the user reads why before refused") {
    const Marks marks;
    auto told = change_by_client(chain(
        all_hooks(marks,
                  {.before = {"say", "553 Weak: " + new_password + " (#5.7.1)\n", "exit", "1"}}),
        marks.link("rest")));
    CHECK(told.reply == "500 Weak: " + new_password); // the client sent it
    CHECK(has(told.log, "event=change result=refused"));
    CHECK(has(told.log, "words=withheld"));

    told =
        change_by_client(chain(all_hooks(marks, {.before = {"exit", "250"}}), marks.link("rest")));
    CHECK(told.reply == "500 Temporary failure: Sorry, there is trouble on the server; nothing was "
                        "changed");
    CHECK_FALSE(exists(marks.path("rest")));
}

TEST_CASE("the reason of a hook that succeeded is not heard: only the rest refuses") {
    const Marks marks;
    const auto told = change_by_client(
        chain(all_hooks(marks, {.before = {"say", "553 before\n"}, .undo = {"say", "553 undo\n"}}),
              marks.link("rest", {"say", "553 Sorry, rest (#5.7.1)\n", "exit", "1"})));
    CHECK(told.reply == "500 Sorry, rest");
    CHECK(marks.made() == "before rest undo");
}

TEST_CASE("the rest does not exit with 0: undo runs, and the answer is that of the rest") {
    struct Case {
        Words deeds;
        int status;
        bool not_known;
        std::string ended;
    };
    const Case cases[] = {
        {{"exit", "1"}, 1, false, "1"},         {{"exit", "2"}, 2, false, "2"},
        {{"exit", "99"}, 99, false, "99"},      {{"exit", "100"}, 100, false, "100"},
        {{"exit", "111"}, 111, true, "111"},    {{"exit", "101"}, 101, true, "101"},
        {{"exit", "255"}, 255, true, "255"},    {{"die", "9"}, 137, true, "signal9"},
        {{"die", "15"}, 143, true, "signal15"},
    };
    for (const auto& row : cases) {
        CAPTURE(row.ended);
        const Marks marks;
        Words deeds{"say", "553 Sorry, no (#5.7.1)\n"};
        deeds.insert(deeds.end(), row.deeds.begin(), row.deeds.end());
        const auto outcome = hooked(marks, {}, deeds);
        CHECK(outcome.status == row.status);
        CHECK(outcome.out == "553 Sorry, no (#5.7.1)\n");
        CHECK(marks.made() == "before rest undo");
        const std::string what =
            (row.not_known ? "it is not known whether the password is changed (status="
                           : "the password is not changed (status=") +
            row.ended + ")";
        CHECK(steps(outcome) ==
              begin_before + begin_change + begin_undo(what) + what + "; --undo is done" +
                  (row.not_known ? "; if the new one holds, run --before and --after\n" : "\n"));
    }
}

TEST_CASE("without undo and before, an unknown result is logged too") {
    const Marks marks;
    const auto outcome = run({.argv = chain({"--after", quoted(marks.link("after"))},
                                            marks.link("rest", {"exit", "111"})),
                              .record = record});
    CHECK(outcome.status == 111);
    CHECK(marks.made() == "rest");
    CHECK(last_line(steps(outcome)) == "it is not known whether the password is changed "
                                       "(status=111); if the new one holds, run --after");
}

TEST_CASE("a signal that ends the rest is an unknown result for the user") {
    const Marks marks;
    const auto told = change_by_client(chain(all_hooks(marks), marks.link("rest", {"die", "9"})));
    CHECK(told.reply == result_unknown);
    CHECK(has(told.log, "event=change result=unknown"));
    CHECK(marks.made() == "before rest undo");
}

TEST_CASE("undo fails: the answer stays, and the log says what to run") {
    const Marks marks;
    const auto outcome =
        hooked(marks, {.undo = {"say", "454 no link\n", "exit", "7"}}, {"exit", "1"});
    CHECK(outcome.status == 1);
    CHECK(outcome.out == "");
    CHECK(last_line(steps(outcome)) == "the password is not changed (status=1); --undo failed "
                                       "(status=7 words=no\\x20link): run --undo");
}

TEST_CASE("after fails: the password is changed, and the user is told so") {
    struct Case {
        Words deeds;
        std::string result;
    };
    const Case cases[] = {
        {{"exit", "1"}, "status=1"},
        {{"say", "454 no link (#4.3.0)\n", "exit", "111"}, "status=111 words=no\\x20link"},
        {{"say", "454 not " + new_password, "exit", "1"}, "status=1 words=withheld"},
        {{"die", "11"}, "status=signal11"},
        {{"stubborn"}, "status=overtime"},
    };
    for (const auto& row : cases) {
        CAPTURE(row.result);
        const Marks marks;
        const auto outcome = hooked(marks, {.after = row.deeds}, {}, "1");
        CHECK(outcome.status == 0);
        CHECK(outcome.out == "");
        CHECK(marks.made() == "after before rest");
        CHECK(last_line(steps(outcome)) ==
              "the password is changed, but --after failed (" + row.result + "): run --after");

        const Marks others;
        const auto told =
            change_by_client(chain(all_hooks(others, {.after = row.deeds}, "1"), fixture()));
        CHECK(told.reply == changed);
        CHECK(has(told.log, "event=change result=changed"));
        CHECK(has(told.log, "but --after failed (" + row.result + ")"));
    }
}

TEST_CASE("a hook that cannot be executed") {
    const TemporaryDirectory directory;
    write_unrunnable_files(directory);
    for (const std::string name : {"no-program", "no-interpreter"}) {
        const auto path = directory.file(name);
        auto outcome = run({.argv = chain({"--after", path}, fixture()), .record = record});
        CHECK(outcome.status == 0);
        CHECK(has(last_line(steps(outcome)), "--after failed (status=not-started words="));
        const Marks marks;
        outcome = run({.argv = chain({"--before", path}, marks.link("rest")), .record = record});
        CHECK(outcome.status == 111);
        CHECK(outcome.out == nothing_changed);
        CHECK(marks.made() == "");
    }
}

TEST_CASE("hooks that behave badly do no harm") {
    const TemporaryDirectory directory;
    const auto left = directory.file("left");
    const auto holder = [&](const std::string& option) {
        // It leaves a process that holds all its descriptors.
        return Words{option, quoted(fixture({"leave", left}))};
    };
    const auto in_time = [](const Words& options, const Words& rest, int status) {
        const auto begin = Clock::now();
        const auto outcome = run({.argv = chain(options, rest), .record = record});
        CHECK(outcome.status == status);
        CHECK(Clock::now() - begin < milliseconds{10'000}); // the limit of each hook is 15 s
        return outcome;
    };
    for (const std::string option : {"--before", "--after"}) {
        CAPTURE(option);
        in_time(holder(option), fixture(), 0);
        const auto pid = std::stoi(read_file(left));
        CHECK(has_ended(pid));
        ::unlink(left.c_str());
        // A megabyte of output, with and without an end of the line.
        for (const Words& end : {Words{}, Words{"say", "\n"}}) {
            Words deeds{"flood", "1000000"};
            deeds.insert(deeds.end(), end.begin(), end.end());
            CHECK(in_time({option, quoted(fixture(deeds))}, fixture(), 0).out == "");
        }
        // Its descriptors are closed.
        in_time({option, quoted(fixture({"close", "3", "close", "1", "close", "2"}))}, fixture(),
                0);
    }
    // Of a reason of a megabyte only the beginning is told.
    const auto outcome =
        in_time({"--before", quoted(fixture({"say", "553 ", "flood", "1000000", "exit", "1"}))},
                fixture(), 1);
    CHECK(outcome.out.starts_with("553 ffff"));
    CHECK(outcome.out.size() <= 1025);
}

TEST_CASE("a hook over its time: TERM, and KILL a second later") {
    const Marks marks;
    const auto begin = Clock::now();
    const auto outcome = hooked(marks, {.before = {"stubborn"}}, {}, "1");
    CHECK(outcome.status == 111);
    CHECK(outcome.out == nothing_changed);
    CHECK(marks.made() == "before undo");
    CHECK(Clock::now() - begin >= milliseconds{2'000});
    CHECK(last_line(steps(outcome)) == "the password is not changed (--before ended with "
                                       "status=overtime); --undo is done");
}

TEST_CASE("after is cut off before POPPASS_RUN, and the change stays known") {
    Marks marks;
    // The change takes 4.5 of 8 seconds, so one is left for `after`, and two for its end.
    auto told =
        change_by_client(chain({"-t", "5", "--after", quoted(marks.link("after", {"stubborn"}))},
                               marks.link("rest", {"sleep", "4500"})),
                         {{"POPPASS_RUN", "8"}});
    CHECK(told.reply == changed);
    CHECK(marks.made() == "after rest");
    CHECK(has(told.log, "but --after failed (status=overtime)"));

    // It does not run if no time is left. The log says so.
    const Marks others;
    told = change_by_client(chain({"-t", "5", "--after", quoted(others.link("after"))},
                                  others.link("rest", {"sleep", "8500"})),
                            {{"POPPASS_RUN", "10"}});
    CHECK(told.reply == changed);
    CHECK(others.made() == "rest");
    CHECK(has(told.log, "but --after failed (status=overtime)"));
}

TEST_CASE("undo runs between SIGTERM and SIGKILL of a chain over its time") {
    const Marks marks;
    auto told = change_by_client(chain(all_hooks(marks, {}, "1"), marks.link("rest", {"forever"})),
                                 {{"POPPASS_RUN", "5"}});
    CHECK(told.reply == result_unknown);
    CHECK(marks.made() == "before rest undo");
    CHECK(has(told.log, "(status=signal15); --undo is done; if the new one holds, run --before and "
                        "--after\n"));

    // A rest that does not end at SIGTERM is killed, and setpw-hook with it. The last line tells.
    const Marks others;
    told = change_by_client(chain(all_hooks(others, {}, "1"), others.link("rest", {"stubborn"})),
                            {{"POPPASS_RUN", "5"}});
    CHECK(told.reply == result_unknown);
    CHECK(others.made() == "before rest");
    const auto begins = told.log.find("the change begins; if this is the last line of this pid");
    REQUIRE(begins != told.log.npos);
    CHECK_FALSE(has(told.log.substr(told.log.find('\n', begins) + 1), "setpw-hook:"));
}

TEST_CASE("told to end in each step") {
    const Marks marks;
    const auto go = marks.path("go");
    const auto program = [&](const Deeds& deeds, const Words& rest) {
        return Program{.argv = chain(all_hooks(marks, deeds), marks.link("rest", rest)),
                       .record = record};
    };
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGALRM}) {
        CAPTURE(number);
        const auto clear = [&] {
            for (const auto* const name : {"after", "before", "go", "rest", "undo"})
                ::unlink(marks.path(name).c_str());
        };
        clear();
        {
            Process process{program({.before = {"await", go}}, {})};
            REQUIRE(appears(marks.path("before")));
            process.signal(number);
            write_file(go, "");
            const auto outcome = process.wait();
            CHECK(outcome.status == 111);
            CHECK(outcome.out == nothing_changed);
            CHECK(marks.made() == "before undo");
            CHECK(last_line(steps(outcome)) ==
                  "the password is not changed (told to end before the change); --undo is done");
        }
        clear();
        if (number != SIGALRM) { // the rest has an alarm of its own
            Process process{program({}, {"forever"})};
            REQUIRE(appears(marks.path("rest")));
            process.signal(number);
            const auto outcome = process.wait();
            CHECK(outcome.status == 128 + number);
            CHECK(marks.made() == "before rest undo");
        }
        clear();
        {
            Process process{program({.after = {"await", go}}, {})};
            REQUIRE(appears(marks.path("after")));
            process.signal(number);
            write_file(go, "");
            const auto outcome = process.wait();
            CHECK(outcome.status == 0);
            CHECK(last_line(steps(outcome)) == "--after is done");
        }
        clear();
        {
            Process process{program({.undo = {"await", go}}, {"exit", "1"})};
            REQUIRE(appears(marks.path("undo")));
            process.signal(number);
            write_file(go, "");
            const auto outcome = process.wait();
            CHECK(outcome.status == 1);
            CHECK(has(last_line(steps(outcome)), "--undo is done"));
        }
    }
}

TEST_CASE("the rest outlives setpw-hook, so that it can finish") {
    const Marks marks;
    const auto go = marks.path("go");
    Process process{{.argv = chain({"--before", "true"},
                                   marks.link("rest", {"await", go, "mark", marks.path("end")})),
                     .record = record}};
    REQUIRE(appears(marks.path("rest")));
    process.signal(SIGKILL);
    CHECK(has_ended(process.pid()));
    write_file(go, "");
    CHECK(appears(marks.path("end")));
}

TEST_CASE("a chain of two: the inner one refuses, and the outer one undoes") {
    const Marks inner, outer;
    const auto both = [&](const Words& rest) {
        return run(
            {.argv = chain(all_hooks(outer), chain(all_hooks(inner), inner.link("rest", rest))),
             .record = record});
    };
    auto outcome = both({});
    CHECK(outcome.status == 0);
    CHECK(inner.made() == "after before rest");
    CHECK(outer.made() == "after before");
    const Marks inner_again, outer_again;
    outcome =
        run({.argv = chain(all_hooks(outer_again),
                           chain(all_hooks(inner_again), inner_again.link("rest", {"exit", "3"}))),
             .record = record});
    CHECK(outcome.status == 3);
    CHECK(inner_again.made() == "before rest undo");
    CHECK(outer_again.made() == "before undo");
}

TEST_CASE("misuse: nothing runs") {
    const Marks marks;
    const auto before = quoted(marks.link("before"));
    const auto after = quoted(marks.link("after"));
    const auto rest = marks.link("rest");
    const auto misused = [&](const Words& words, std::string_view says,
                             const std::string& bytes_on_3 = record,
                             const Environment& environment = {}) {
        CAPTURE(words);
        const auto outcome = run({.argv = words, .environment = environment, .record = bytes_on_3});
        CAPTURE(outcome.err);
        CHECK(outcome.status == 2);
        CHECK(outcome.out == "");
        CHECK(has(outcome.err, std::string{says}));
        CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
        CHECK_FALSE(has(outcome.err, old_password));
        CHECK(marks.made() == "");
    };
    const Environment usual{{"POPPASS_RUN", std::nullopt}};
    misused(chain({}, rest), "neither --before nor --after");
    misused(chain({"--undo", before, "--after", after}, rest), "--undo without --before");
    misused(chain({"--before", before, "--before", before}, rest), "--before is given twice");
    misused(chain({"--after", ""}, rest), "--after: no words in it");
    misused(chain({"--after", "'open"}, rest), "--after: a quote (') is not closed");
    misused(chain({"--after", "$HOOK"}, rest), "--after: variables are not expanded");
    misused(chain({"--after", "no-such-program"}, rest), "--after: run no-such-program: not found");
    misused(chain({"--after", "/"}, rest), "--after: run /: ");
    misused(chain({"--before", before}, {}), "no program that changes the password");
    misused({built("setpw-hook"), "--before"}, "no value for the option --before");
    misused(chain({"-x"}, rest), "no such option: -x");
    misused(chain({"--before", before}, {"/bin/true"}), "does not end in /bin/true");
    misused(chain({"--before", before}, {"no-such-program"}), "run no-such-program: not found");
    for (const std::string limit : {"0", "3601", "1s", "-1", ""})
        misused(chain({"-t", limit, "--before", before}, rest),
                "-t must be a number from 1 to 3600");
    misused(chain({"-t", "60", "--after", after}, rest), "the hooks may take 60 seconds", record,
            usual);
    misused(chain({"-t", "58", "--after", after}, rest), "the hooks may take 58 seconds", record,
            usual);
    misused(chain({"-t", "30", "--before", before, "--after", after}, rest),
            "the hooks may take 60 seconds", record, usual);
    misused(
        chain({"--before", before, "--after", after}, rest),
        "the hooks may take 30 seconds, and POPPASS_RUN allows the whole chain 30: lower -t, or "
        "raise POPPASS_RUN",
        record, {{"POPPASS_RUN", "30"}});
    misused(chain({"--before", before}, rest), "POPPASS_RUN must be a number", record,
            {{"POPPASS_RUN", "x"}});
    const auto good = chain({"--before", before, "--after", after}, rest);
    misused(good, "has no old password", bytes("joe\0"));
    misused(good, "has a response", bytes("joe\0old\0response\0new\0"));
    misused(good, "more than four strings", record + '\0');
    misused(good, "longer than 512 bytes",
            bytes("joe\0") + old_password + bytes("\0\0") + std::string(600, 'n') + '\0');
}

TEST_CASE("--check: each hook can be executed, and nobody else can change it") {
    const Marks marks;
    const auto hook = marks.path("hook");
    const auto check = [&](const Words& options) {
        Words words{built("setpw-hook"), "--check"};
        words.insert(words.end(), options.begin(), options.end());
        const auto outcome = run({.argv = words});
        CHECK(outcome.err == "");
        return outcome;
    };
    write_file(hook, "#!/bin/sh\nexit 0\n", 0755);
    auto outcome = check({"--before", hook + " x", "--undo", hook, "--after", "/bin/true"});
    CHECK(outcome.status == 0);
    const std::string found = "\"subject\": \"" + hook + "\", \"text\": ";
    CHECK(has(outcome.out, found + "\"runs for the hooks of a change\""));
    CHECK(has(outcome.out, found + "\"can be executed; not looked into\""));
    CHECK(marks.made() == "");

    const auto fails = [&](const Words& options, const std::string& says) {
        CAPTURE(says);
        outcome = check(options);
        CAPTURE(outcome.out);
        CHECK(outcome.status == 2);
        CHECK(has(outcome.out, "\"level\": \"error\""));
        CHECK(has(outcome.out, says));
    };
    fails({}, "neither --before nor --after");
    fails({"--after", "no-such-program"}, "--after: run no-such-program: not found in PATH");
    fails({"--after", hook, "-t", "90"}, "the hooks may take 90 seconds");
    ::chmod(hook.c_str(), 0777);
    for (const std::string option : {"--before", "--after"})
        fails({option, hook}, "can be written by others than its owner, who would learn every "
                              "password: chmod go-w " +
                                  hook);
    fails({"--before", "/bin/true", "--undo", hook}, "can be written by others");
    write_file(hook, "words\n", 0755);
    ::chmod(hook.c_str(), 0755);
    fails({"--after", hook}, "is no program");
    write_file(hook, "#!/bin/sh\n", 0755);
    ::chmod(marks.directory.path().c_str(), 0777);
    fails({"--after", hook}, marks.directory.path());
}

TEST_CASE("a real store, end to end") {
    const UsersFile users{"joe:" + hash_of_old + usual_dates};
    const Marks marks;
    const auto service = [&](const Words& options) {
        Words rest{built("setpw"), "-f", users.path, "-m",
                   "sha256crypt",  "-c", "1000",     "/bin/false"};
        return Service{.check = {built("checkpw"), "-f", users.path, "/bin/false"},
                       .change = quoted(chain(options, rest))};
    };
    const auto ask = [](const Service& front_end, const std::string& old,
                        const std::string& fresh) {
        Conversation client{front_end};
        CHECK(client.ask("user joe") == "200 Your password please.");
        CHECK(client.ask("pass " + old) == "200 Your new password please.");
        return client.ask("newpass " + fresh);
    };
    // A hook knows the passwords, and the file is already changed when `after` runs.
    const auto login = fixture({"login", "joe", "password", "old"});
    CHECK(ask(service({"--before", quoted(login), "--after", quoted(login)}), "old", "new") ==
          changed);
    CHECK(users.is_password("joe", "new"));

    CHECK(ask(service({"--before",
                       quoted(fixture({"say", "553 Sorry, frozen (#5.7.1)\n", "exit", "1"}))}),
              "new", "newer") == "500 Sorry, frozen");
    CHECK(users.is_password("joe", "new"));

    // The store refuses: a user that it does not know.
    const UsersFile others{"ann:" + hash_of_old + usual_dates};
    Words elsewhere{built("setpw"), "-f", others.path, "/bin/false"};
    auto refused = service(all_hooks(marks));
    refused.change = quoted(chain(all_hooks(marks), elsewhere));
    CHECK(ask(refused, "new", "newer").starts_with("500 "));
    CHECK(marks.made() == "before undo");
}

namespace {

// A change of a credential file with all hooks, under strace where there is a fault.
struct Swept {
    UsersFile users{"joe:" + hash_of_old + usual_dates};
    Marks marks;

    // The store's own suite tests that the file is wholly the old or the new one.
    bool changed() const { return users.content() != users.before; }

    Outcome change(Words strace) const {
        const auto words = chain(all_hooks(marks), {built("setpw"), "-f", users.path, "-m",
                                                    "sha256crypt", "-c", "1000"});
        strace.insert(strace.end(), words.begin(), words.end());
        return run({.argv = strace, .record = bytes("joe\0old\0\0new\0")});
    }
};

// Without these calls there is no process, or none that ends: a fault in their place means that the
// call is not made.
const std::set<std::string> not_for_faults{"execve", "exit_group", "brk",
                                           "close",  "wait4",      "rt_sigreturn"};

// Causes `fault` at every call of setpw-hook, one after the other.
void sweep(const std::string& fault,
           const std::function<void(const Swept&, const Outcome&)>& check) {
    std::map<std::string, int> counts;
    {
        const Swept example;
        const auto trace = example.users.directory.file("trace");
        REQUIRE(example.change({"strace", "-qq", "-o", trace}).status == 0);
        counts = count_calls(read_file(trace));
    }
    int faults = 0;
    for (const auto& [name, count] : counts) {
        if (not_for_faults.contains(name)) continue;
        for (int when = 1; when <= count; ++when) {
            CAPTURE(fault);
            CAPTURE(name);
            CAPTURE(when);
            const Swept swept;
            const auto outcome = swept.change(with_fault(name, fault, when));
            ++faults;
            CAPTURE(outcome.err);
            if (outcome.status == 0) CHECK(swept.changed());
            if (has(outcome.out, "nothing was changed")) CHECK_FALSE(swept.changed());
            check(swept, outcome);
        }
    }
    CHECK(faults > 50);
    MESSAGE(fault << ": " << faults << " faults");
}

} // namespace

TEST_CASE(
    "killed at every system call: all is old, all is done, or the last line says what to run") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    int killed = 0;
    sweep("signal=KILL", [&](const Swept& swept, const Outcome& outcome) {
        // How often it asks whether a child has ended differs from run to run.
        killed += outcome.signal == SIGKILL;
        CHECK((outcome.signal == SIGKILL || outcome.status == 0));
        const auto last = last_line(outcome.err);
        if (has(last, "--after is done")) {
            CHECK(swept.marks.made() == "after before");
            return;
        }
        if (exists(swept.marks.path("before"))) CHECK(has(last, "run --"));
        if (swept.changed())
            CHECK(has(last, "run --after"));
        else if (exists(swept.marks.path("before")))
            CHECK(has(last, "run --undo"));
        if (last.empty()) CHECK(swept.marks.made() == "");
    });
    CHECK(killed > 80);
}

TEST_CASE("SIGTERM at every system call: what has begun is finished or undone") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    sweep("signal=TERM", [](const Swept& swept, const Outcome& outcome) {
        const auto made = swept.marks.made();
        if (outcome.signal != 0) {
            CHECK(made == "");
            CHECK(outcome.err == "");
        } else if (outcome.status == 0) {
            CHECK(made == "after before");
        } else {
            CHECK((outcome.status == 111 || outcome.status == 128 + SIGTERM));
            CHECK(made == "before undo");
        }
    });
}

TEST_CASE("each system call fails once: the answer is true") {
    if (missing(have_strace(), "strace, in a build that is not sanitized")) return;
    for (const std::string fault : {"error=ENOMEM", "error=EINTR"})
        sweep(fault, [](const Swept& swept, const Outcome& outcome) {
            CHECK(outcome.signal == 0);
            if (swept.changed()) CHECK(outcome.status == 0);
            if (outcome.status != 0) CHECK((outcome.err != "" || outcome.out != ""));
        });
}
