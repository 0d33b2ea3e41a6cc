// A network side that was taken over does everything wrong. The monitor gives it nothing that an
// honest client would not get, ends within its limits, and logs what happened.
#include "protocol/monitor_message.hh"
#include "support/conversation.hh"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <sstream>
#include <thread>

using namespace poppass::test;
using namespace std::string_view_literals;
using Clock = std::chrono::steady_clock;
constexpr auto rejected = poppass::ChainOutcome::rejected;

namespace {

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += {digits[byte >> 4], digits[byte & 15]};
    }
    return text;
}

std::string send(std::string_view message) { return "send " + hex(message) + "\n"; }

// Waits for the answer: if a socket is closed while answers are unread, data on the way is lost.
std::string ask(std::string_view message) { return send(message) + "take\n"; }

std::string check(const std::string& login, const std::string& password) {
    return "c" + login + '\0' + password + '\0';
}

const std::string good = check("joe", "old");
const std::string bad = check("joe", "guess");
const std::string change = bytes("nnew\0");
const std::string forget = "f";
const std::string violation = "violation";

// A verdict without words, as the monitor sends it and the client gets it.
std::string verdict(poppass::ChainOutcome outcome, bool last = false) {
    return "200 " + hex(poppass::Answer{{outcome, last, {}}}.view());
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
    return count;
}

// poppass with two links that record what they get. "old" is the password of every user.
class TakenOver {
public:
    explicit TakenOver(Environment environment = {}, Words check_deeds = {"password", "old"},
                       Words change_deeds = {})
        : client_{
              service(std::move(environment), std::move(check_deeds), std::move(change_deeds))} {}

    void send(std::string_view deeds) { client_.send(deeds); }
    std::string take() { return client_.ask("take"); }
    Conversation& client() { return client_; }

    std::string checks() const { return noted("checks"); }
    std::string changes() const { return noted("changes"); }

    // Waits for its end, and compares its log with what its links recorded.
    void ends(std::string_view how) {
        end_ = client_.wait();
        CAPTURE(how);
        CAPTURE(end_.err);
        CHECK(has_ended(client_.network()));
        CHECK_FALSE(end_.timed_out);
        CHECK(end_.status == (how == "not-started" ? 111 : 0));
        std::istringstream lines{end_.err};
        std::size_t ends = 0;
        for (std::string line; std::getline(lines, line);) {
            CHECK(line.starts_with("event="));
            CHECK(has(line, " pid=" + std::to_string(monitor_) + " "));
            ends += line.starts_with("event=end ");
        }
        CHECK(ends == 1);
        CHECK(has(end_.err, "event=end result=" + std::string{how} + " "));
        // Each record has four NULs.
        CHECK(count(end_.err, "event=check ") * 4 == count(checks(), "\0"sv));
        CHECK(count(end_.err, "event=change ") * 4 == count(changes(), "\0"sv));
    }
    const std::string& log() const { return end_.err; }

private:
    Service service(Environment environment, Words check_deeds, Words change_deeds) const {
        check_deeds.insert(check_deeds.begin(), {"record", directory_.file("checks")});
        change_deeds.insert(change_deeds.begin(), {"record", directory_.file("changes")});
        return {.front_end = built("taken-over"),
                .check = fixture(std::move(check_deeds)),
                .change = quoted(fixture(std::move(change_deeds))),
                .environment = std::move(environment)};
    }
    std::string noted(const std::string& name) const {
        const auto path = directory_.file(name);
        return ::access(path.c_str(), F_OK) == 0 ? read_file(path) : "";
    }

    TemporaryDirectory directory_;
    Conversation client_;
    const pid_t monitor_ = client_.monitor();
    Outcome end_;
};

std::string check_record(const std::string& login, const std::string& password) {
    return login + '\0' + password + std::string(3, '\0');
}
std::string set_record(const std::string& login) { return login + bytes("\0old\0\0new\0"); }

} // namespace

TEST_CASE("a network side that was taken over gets no more privileges") {
    if (missing(hardened, "a build with the filter")) return;
    TakenOver side;
    CHECK(process_status(side.client().network(), "NoNewPrivs") == "1");
    side.send("call " + std::to_string(SYS_getpid) + "\n");
    side.ends("killed");
}

TEST_CASE("in whatever order it asks: three tries, and changes only for the user checked last") {
    // All orders of four requests, compared with what the session's rules allow.
    enum Deed { good_check, bad_check, give_up, set, deeds };
    for (int order = 0; order < deeds * deeds * deeds * deeds; ++order) {
        CAPTURE(order);
        std::string sent, checks, changes;
        std::string login; // the login whose password was right
        std::string end;
        int tries = 3;
        for (int i = 0, rest = order; i < 4 && end.empty(); ++i, rest /= deeds) {
            const auto name = "u" + std::to_string(i);
            switch (static_cast<Deed>(rest % deeds)) {
            case good_check:
                sent += ask(check(name, "old"));
                checks += check_record(name, "old");
                login = name;
                break;
            case bad_check:
                sent += ask(check(name, "guess"));
                checks += check_record(name, "guess");
                login.clear();
                if (--tries == 0) end = "tries";
                break;
            case give_up:
                sent += send(forget);
                login.clear();
                break;
            case set:
            case deeds:
                sent += login.empty() ? send(change) : ask(change);
                if (login.empty())
                    end = violation;
                else
                    changes += set_record(login);
                login.clear();
            }
        }
        // What is sent after the end has no effect.
        TakenOver side;
        side.send(sent + (end.empty() ? "exit 0\n" : send(good) + send(change) + "exit 0\n"));
        side.ends(end.empty() ? "quit" : end);
        CHECK(side.checks() == checks);
        CHECK(side.changes() == changes);
    }
}

TEST_CASE("ten thousand checks, all at once: three run, and each waits") {
    TakenOver side{{{"POPPASS_DELAY", "1"}}};
    const auto begin = Clock::now();
    std::string all;
    for (int i = 0; i < 10'000; ++i) all += send(check("joe", std::to_string(i)));
    side.send(all);
    side.ends("tries");
    CHECK(Clock::now() - begin >= milliseconds{2'900});
    CHECK(side.checks() ==
          check_record("joe", "0") + check_record("joe", "1") + check_record("joe", "2"));
}

TEST_CASE("ten thousand checks, answers read: as many run as there are tries") {
    TakenOver side{{{"POPPASS_TRIES", "300"}}};
    std::string all;
    for (int i = 0; i < 10'000; ++i) all += send(bad) + "take\n";
    side.send(all);
    const auto answers = side.client().rest();
    REQUIRE(answers.size() == 300);
    for (std::size_t i = 0; i < 300; ++i) REQUIRE(answers[i] == verdict(rejected, i == 299));
    side.ends("tries");
    CHECK(count(side.checks(), bad.substr(1)) == 300);
}

TEST_CASE("checks count as tries even if the network side does not read the answers") {
    TakenOver side{{{"POPPASS_DELAY", "1"}}};
    const auto begin = Clock::now();
    // The network side has ended before the first check is over.
    side.send(send(bad) + send(bad) + send(bad) + send(bad) + "exit 1\n");
    side.ends("tries");
    CHECK(Clock::now() - begin >= milliseconds{2'900});
}

TEST_CASE("a right password does not give tries back") {
    TakenOver side;
    side.send(ask(bad) + ask(good) + ask(bad) + ask(good) + ask(bad) + send(good) + "exit 0\n");
    side.ends("tries");
    CHECK(count(side.checks(), "guess") == 3);
}

TEST_CASE("any number of changes, but at most ten refused ones after one check") {
    TakenOver side{{}, {"password", "old"}, {"exit", "1"}};
    std::string all = send(good);
    for (int i = 0; i < 30; ++i) all += send(change);
    side.send(all);
    side.ends(violation);
    CHECK(count(side.changes(), set_record("joe")) == 10);
}

TEST_CASE("a change that ended in trouble is not tried again") {
    TakenOver side{{}, {"password", "old"}, {"exit", "111"}};
    side.send(send(good) + send(change) + send(change));
    side.ends(violation);
    CHECK(side.changes() == set_record("joe"));
}

TEST_CASE("messages that are too long, cut short or unknown: no chain runs, and the session ends") {
    std::vector<std::string> messages{
        bytes("n\0"),      bytes("nnew"),      bytes("nnew\0\0"),          bytes("c\0old\0"),
        bytes("cjoe\0\0"), bytes("cjoe\0old"), bytes("cjoe\0old\0more\0"), bytes("x\0"),
        bytes("f\0")};
    for (int byte = 0; byte < 256; ++byte) {
        const std::string mark(1, static_cast<char>(byte));
        messages.push_back(mark);
        messages.push_back(mark + bytes("x\0y\0z\0"));
    }
    for (std::size_t size = 1; size < good.size(); ++size) messages.push_back(good.substr(0, size));
    for (const std::size_t size : {514, 515, 4096, 60'000}) {
        messages.push_back(std::string(size, 'c'));
        messages.push_back(check(std::string(size / 2, 'l'), std::string(size / 2, 'p')));
        messages.push_back("n" + std::string(size, 'p') + '\0');
    }
    std::mt19937 random{106};
    for (int i = 0; i < 200; ++i) {
        std::string noise(1 + random() % 600, '\0');
        for (char& c : noise) c = static_cast<char>(random());
        if (i % 2 == 0) noise[0] = "cnfx"[random() % 4];
        messages.push_back(noise);
    }
    int sessions = 0;
    for (const auto& message : messages) {
        if (poppass::parse_request(message)) continue; // valid by chance, or "f"
        CAPTURE(hex(message.substr(0, 40)));
        TakenOver side;
        side.send(send(message) + send(good) + send(change) + "hang\n");
        side.ends(violation);
        CHECK(side.checks().empty());
        CHECK(side.changes().empty());
        ++sessions;
    }
    CHECK(sessions > 700);
}

TEST_CASE("a message that fits although its record does not") {
    TakenOver side;
    side.send(send(check(std::string(300, 'l'), std::string(210, 'p'))) + "hang\n");
    side.ends(violation);
    CHECK(side.checks().empty());
    TakenOver other;
    other.send(ask(check(std::string(200, 'l'), "old")) + send("n" + std::string(350, 'p') + '\0') +
               "hang\n");
    other.ends(violation);
    CHECK(other.changes().empty());
}

TEST_CASE("floods: they end with the session at the latest, and signals are handled meanwhile") {
    // The network side never reads the answers.
    TakenOver deaf;
    deaf.send("flood " + hex(good) + "\n");
    // These requests have no answer.
    TakenOver noisy{{{"POPPASS_SESSION", "2"}}};
    noisy.send("flood " + hex(forget) + "\n");
    TakenOver signalled;
    signalled.send("flood " + hex(forget) + "\n");
    std::this_thread::sleep_for(milliseconds{200});
    signalled.client().signal(SIGTERM);
    signalled.ends("shutdown");
    noisy.ends("session");
    deaf.ends(violation);
    CHECK(deaf.changes().empty());
}

TEST_CASE("silence: the session ends when its time is up") {
    // Nothing is sent; half a message is sent, which ends the session at once; nothing follows a
    // right password; the pair is shut down.
    TakenOver mute{{{"POPPASS_SESSION", "1"}}}, checked{{{"POPPASS_SESSION", "1"}}}, half, gone;
    mute.send("hang\n");
    half.send(send(good.substr(0, 6)) + "hang\n");
    checked.send(send(good) + "hang\n");
    gone.send("leave\n");
    half.ends(violation);
    CHECK(half.checks().empty());
    mute.ends("session");
    checked.ends("session");
    CHECK(checked.changes().empty());
    gone.ends("killed");
}

TEST_CASE("a start that failed is believed only before anything else") {
    const std::string failure = bytes("xforged\x0b"
                                      "event=check result=accepted user=root \0");
    TakenOver late;
    late.send(send(good) + send(failure) + "hang\n");
    late.ends(violation);
    TakenOver after_nothing;
    after_nothing.send(send(forget) + send(failure) + "hang\n");
    after_nothing.ends(violation);
    TakenOver early;
    early.send(send(failure) + send(good) + send(change) + "hang\n");
    early.ends("not-started");
    CHECK(has(early.log(), "event=error result=not-started "));
    CHECK(has(early.log(), "words=forged\\x0bevent\\x3dcheck\\x20result"));
    CHECK(early.checks().empty());
}

TEST_CASE("names cannot forge a line of the log") {
    TakenOver side;
    side.send(send(check("joe\x0b"
                         "event=check result=accepted user=x ip=- pid=1 ms=1",
                         "guess")) +
              "exit 1\n");
    side.ends("vanished");
    CHECK(count(side.log(), "\n") == 2);
    CHECK(count(side.log(), "accepted ") == 0);
}

TEST_CASE("by its exit status the network side can tell how the session ended, and nothing else") {
    for (int status = 0; status < 256; ++status) {
        CAPTURE(status);
        TakenOver side;
        side.send("exit " + std::to_string(status) + "\n");
        side.ends(status == 0   ? "quit"
                  : status == 1 ? "vanished"
                  : status == 2 ? "timeout"
                  : status == 4 ? "no-monitor"
                                : violation);
    }
}

TEST_CASE("secrets: the network side gets no text of a refusal") {
    TakenOver side{{}, {"say", "553 no such user\n", "exit", "1"}};
    side.send(send(bad));
    CHECK(side.take() == verdict(rejected));
    side.send("exit 0\n");
    side.ends("quit");
}

TEST_CASE("a signal acts before the requests that wait already, however many they are") {
    const poppass::test::TemporaryDirectory directory;
    const auto go = directory.file("go");
    TakenOver taken{{}, {"await", go, "password", "old"}};
    std::string deeds;
    for (int i = 0; i < 20; ++i) deeds += send(good);
    // Its answer shows that all of them were sent.
    deeds += "call " + std::to_string(SYS_shutdown) + " 99 0\n";
    CHECK(taken.client().ask(deeds.substr(0, deeds.size() - 1)) == "200 failed");
    taken.client().signal(SIGTERM);
    write_file(go, "");
    taken.ends("shutdown");
    // The first check may have begun before the signal.
    const auto checks = taken.checks();
    CHECK((checks.empty() || checks == check_record("joe", "old")));
}
