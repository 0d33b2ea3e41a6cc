#include "throttle/throttle_state.hh"

#include "support/program.hh"
#include "throttle/charged_attempt.hh"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <iomanip>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

struct Place {
    TemporaryDirectory parent;
    std::string directory = parent.file("throttle");
    std::string file = directory + "/state";
};

struct stat look(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

Attempt somebody(const std::string& login = "joe") { return make_attempt(login, std::nullopt, {}); }

void fail_once(const std::string& directory, const std::string& login = "joe") {
    auto state = ThrottleState::open(directory);
    REQUIRE(state);
    state->throttle({}).charge(somebody(login), state->now());
}

// Whether the failures of fail_once are still counted.
bool remembers(const std::string& directory) {
    auto state = ThrottleState::open(directory);
    REQUIRE_MESSAGE(state, state.error().message());
    return state->throttle({}).quarters(somebody(), Kind::pair, state->now()) > 0;
}

// Tries again while others have the lock: on a busy machine that can take longer than a process
// waits for it.
Result<ThrottleState> open_at_last(const std::string& directory) {
    for (int tries = 0;; ++tries) {
        auto state = ThrottleState::open(directory);
        if (state || state.error().system_error != EAGAIN || tries == 30) return state;
    }
}

void check_refused(const std::string& directory, std::string_view words) {
    const auto state = ThrottleState::open(directory);
    REQUIRE(!state);
    CHECK(state.error().status == ExitStatus::temporary);
    CHECK_MESSAGE(state.error().message().find(words) != std::string::npos,
                  state.error().message());
}

// The bytes of a file that are not zero, by rows of sixteen: offset and hex.
std::string dump(const std::string& bytes) {
    std::ostringstream text;
    text << std::hex << std::setfill('0');
    for (std::size_t at = 0; at < bytes.size(); at += 16) {
        const auto row = bytes.substr(at, 16);
        if (row.find_first_not_of('\0') == row.npos) continue;
        text << std::setw(6) << at << ' ';
        for (const char c : row) text << std::setw(2) << int{static_cast<unsigned char>(c)};
        text << '\n';
    }
    return text.str();
}

std::string undump(const std::string& text) {
    std::string bytes(sizeof(ThrottleFile), '\0');
    std::istringstream lines{text};
    std::size_t at;
    for (std::string hex; lines >> std::hex >> at >> hex;)
        for (std::size_t i = 0; i < hex.size() / 2; ++i)
            bytes[at + i] = static_cast<char>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    return bytes;
}

} // namespace

TEST_CASE("directory and file are made: only we can use them, and the size never changes") {
    const Place place;
    const mode_t before = ::umask(0);
    fail_once(place.directory);
    ::umask(before);
    CHECK(look(place.directory).st_mode == (S_IFDIR | 0700));
    const auto file = look(place.file);
    CHECK(file.st_mode == (S_IFREG | 0600));
    CHECK(file.st_size == sizeof(ThrottleFile));
    CHECK(file.st_size < 4'000'000);
    for (int i = 0; i < 5000; ++i) fail_once(place.directory, "user" + std::to_string(i));
    const auto later = look(place.file);
    CHECK(later.st_size == file.st_size);
    CHECK(later.st_blocks == file.st_blocks);
    CHECK(later.st_ino == file.st_ino);
    CHECK(remembers(place.directory));
}

TEST_CASE("the file names only those who have to wait") {
    const Place place;
    fail_once(place.directory, "somebody-to-look-for");
    CHECK(read_file(place.file).find("somebody") == std::string::npos);
}

TEST_CASE("each file has a key of its own") {
    const Place one;
    const Place two;
    const auto first = ThrottleState::open(one.directory);
    const auto second = ThrottleState::open(two.directory);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->key() != second->key());
    CHECK(first->key() != SipKey{});
}

TEST_CASE("the file has the same bytes on every processor") {
    // As amd64 wrote it: six failures of joe, one and some trouble of ann, a success of eve, and
    // bob under attack.
    const auto before = read_file(beside_tests("throttle/fixtures/throttle-state"));
    const Place place;
    fail_once(place.directory);
    write_file(place.file, undump(before));
    const auto attempt = [](std::string_view login) {
        return make_attempt(login, "192.0.2.1", {});
    };
    constexpr Seconds then = 1'728'000'000;
    {
        auto state = ThrottleState::open(place.directory);
        REQUIRE(state);
        CHECK(state->key() == SipKey{0x0706050403020100, 0x0f0e0d0c0b0a0908});
        auto throttle = state->throttle({1, 3600});
        CHECK(throttle.refusal_time() == std::chrono::milliseconds{80});
        CHECK(throttle.quarters(attempt("ann"), Kind::login, then + 6) == 5);
        CHECK(throttle.quarters(attempt("joe"), Kind::pair, then + 6) == 24);
        const auto waiting = throttle.list(then + 6);
        const auto of = [&](std::string_view login, Kind kind) {
            return std::count_if(waiting.begin(), waiting.end(), [&](const auto& one) {
                return one.login == login && one.kind == kind;
            });
        };
        CHECK(of("joe", Kind::pair) == 1);
        CHECK(of("bob", Kind::login) == 1);
        // And what is counted from there.
        throttle.note_refusal(std::chrono::milliseconds{96});
        (void)throttle.decide(make_attempt("bob", "203.0.36.9", {}), then + 70);
        (void)throttle.decide(make_attempt("bob", "203.0.112.9", {}), then + 70);
        throttle.charge(attempt("joe"), then + 300);
        throttle.charge(attempt("ann"), then + 2100);
        throttle.succeed(attempt("eve"), throttle.charge(attempt("eve"), then + 2101), then + 2102);
        throttle.succeed(attempt("dan"), {}, then + 2103);
    }
    CHECK(dump(read_file(place.file)) ==
          read_file(beside_tests("throttle/fixtures/throttle-state-later")));
}

TEST_CASE("a damaged file, or one of another program, is made anew") {
    const Place place;
    fail_once(place.directory);
    REQUIRE(remembers(place.directory));
    const auto whole = read_file(place.file);
    auto without_magic = whole;
    without_magic[15] = '\0';
    auto other_magic = whole;
    other_magic[0] = 'P';
    const auto first_format = "poppass throttle" + whole.substr(16);
    for (const auto& bytes :
         {std::string{}, std::string{"something else\n"}, whole.substr(0, 16), whole.substr(0, 32),
          whole.substr(0, whole.size() - 1), whole + '\0', std::string(whole.size(), '\0'),
          without_magic, other_magic, first_format}) {
        CAPTURE(bytes.size());
        write_file(place.file, bytes);
        CHECK(!remembers(place.directory));
        CHECK(look(place.file).st_size == sizeof(ThrottleFile));
        fail_once(place.directory);
        CHECK(remembers(place.directory));
        CHECK(read_file(place.file).substr(16, 16) != whole.substr(16, 16));
    }
    write_file(place.file, whole);
    CHECK(remembers(place.directory));
}

TEST_CASE("a file that is not ours alone is replaced, and a file that it leads to stays") {
    const Place place;
    fail_once(place.directory);
    const auto other = place.parent.file("other");
    const auto whole = read_file(place.file);
    write_file(other, whole);
    const auto check = [&] {
        CHECK(!remembers(place.directory));
        const auto file = look(place.file);
        CHECK(file.st_mode == (S_IFREG | 0600));
        CHECK(file.st_nlink == 1);
        CHECK(file.st_uid == ::geteuid());
        CHECK(read_file(other) == whole);
    };
    SUBCASE("a symbolic link") {
        ::unlink(place.file.c_str());
        REQUIRE(::symlink(other.c_str(), place.file.c_str()) == 0);
        check();
    }
    SUBCASE("one that leads nowhere") {
        ::unlink(place.file.c_str());
        REQUIRE(::symlink(place.parent.file("nothing").c_str(), place.file.c_str()) == 0);
        check();
        CHECK(::access(place.parent.file("nothing").c_str(), F_OK) != 0);
    }
    SUBCASE("a file with another name") {
        ::unlink(place.file.c_str());
        REQUIRE(::link(other.c_str(), place.file.c_str()) == 0);
        check();
    }
    SUBCASE("a pipe") {
        ::unlink(place.file.c_str());
        REQUIRE(::mkfifo(place.file.c_str(), 0600) == 0);
        check();
    }
    SUBCASE("one that others may read: they know its key") {
        REQUIRE(::chmod(place.file.c_str(), 0640) == 0);
        check();
    }
    SUBCASE("one of another account") {
        if (missing(::geteuid() == 0, "root")) return;
        REQUIRE(::chown(place.file.c_str(), 12345, 12345) == 0);
        check();
    }
    SUBCASE("a directory is trouble") {
        ::unlink(place.file.c_str());
        REQUIRE(::mkdir(place.file.c_str(), 0700) == 0);
        check_refused(place.directory, "Is a directory");
    }
}

TEST_CASE("a directory that others can write is trouble") {
    const Place place;
    fail_once(place.directory);
    for (const mode_t mode : {0770u, 0702u, 01777u}) {
        CAPTURE(mode);
        ::chmod(place.directory.c_str(), mode);
        check_refused(place.directory, place.directory + " can be written by others: chmod go-w");
    }
    ::chmod(place.directory.c_str(), 0755);
    CHECK(remembers(place.directory));
    CHECK(remembers(place.directory + "//"));
    check_refused(place.parent.file("no/such"), "make the directory that it is in");
    check_refused(place.file, "is no directory: name another one");
    if (missing(::geteuid() == 0, "root")) return;
    REQUIRE(::chown(place.directory.c_str(), 12345, 12345) == 0);
    check_refused(place.directory, place.directory + " belongs to uid 12345, and not to uid 0: ");
}

TEST_CASE("a directory that others could exchange is trouble") {
    const Place place;
    fail_once(place.directory);
    const auto link = place.parent.file("link");
    REQUIRE(::symlink(place.directory.c_str(), link.c_str()) == 0);
    CHECK(remembers(link));
    for (const auto& [mode, who] : {std::pair{0770u, "its group"}, std::pair{0707u, "everybody"}}) {
        CAPTURE(mode);
        ::chmod(place.parent.path().c_str(), mode);
        for (const auto& path : {place.directory, link, place.parent.file("new")})
            check_refused(path, place.parent.path() + " can be written by " + who);
        CHECK(::access(place.parent.file("new").c_str(), F_OK) != 0);
    }
    ::chmod(place.parent.path().c_str(), 0700);
    CHECK(remembers(link));
    if (missing(::geteuid() == 0, "root")) return;
    REQUIRE(::lchown(link.c_str(), 12345, 12345) == 0);
    check_refused(link, link + " belongs to uid 12345, who could put another file");
    REQUIRE(::chown(place.parent.path().c_str(), 12345, 12345) == 0);
    check_refused(place.directory, place.parent.path() + " belongs to uid 12345, who could");
}

TEST_CASE("a lock that is held for too long is trouble") {
    const Place place;
    fail_once(place.directory);
    auto held = ThrottleState::open(place.directory);
    REQUIRE(held);
    const auto second = ThrottleState::open(place.directory);
    REQUIRE(!second);
    CHECK(second.error().status == ExitStatus::temporary);
    CHECK(second.error().system_error == EAGAIN);
    // A moved state still has the lock. A destroyed one has not.
    {
        const auto moved = std::move(*held);
        CHECK(!ThrottleState::open(place.directory));
    }
    CHECK(ThrottleState::open(place.directory));
}

TEST_CASE("a full disk is trouble and no crash, and later all is well") {
    const Place place;
    CHECK(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{1'000'000, 1'000'000};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              const auto state = ThrottleState::open(place.directory);
              return state ? 0 : static_cast<int>(state.error().status);
          }) == 111);
    CHECK(!remembers(place.directory));
}

TEST_CASE("no charge is lost among many processes") {
    const Place place;
    constexpr int processes = 12;
    constexpr int each = 150;
    CHECK(in_children(processes, [&](int number) {
        // The limits are never reached. One attempt in three is taken back.
        constexpr ThrottleLimits limits{1000, 3600};
        const auto who = make_attempt("joe", "10.0.0." + std::to_string(number), {});
        for (int n = 0; n < each; ++n) {
            auto state = open_at_last(place.directory);
            if (!state) return 1;
            const auto decision = state->throttle(limits).decide(who, state->now());
            if (decision.kind != Decision::Kind::admitted) return 1;
            if (n % 3 != 1) continue;
            { const auto closed = std::move(*state); }
            auto later = open_at_last(place.directory);
            if (!later) return 1;
            later->throttle(limits).take_back(who, decision.charge, later->now());
        }
        return 0;
    }));
    auto state = ThrottleState::open(place.directory);
    REQUIRE(state);
    CHECK(state->throttle({}).quarters(make_attempt("joe", "10.1.1.1", {}), Kind::login,
                                       state->now()) == whole_failure * processes * each * 2 / 3);
}

TEST_CASE("a file that is made anew while an attempt runs is not charged twice") {
    const Place place;
    ChargedAttempt attempt{place.directory, {1, 3600}, somebody()};
    REQUIRE(attempt.charge());
    write_file(place.file, "");
    fail_once(place.directory);
    attempt.settle(ChargedAttempt::Outcome::right);
    CHECK(remembers(place.directory));
}

TEST_CASE("many processes that find a torn file agree on a new one") {
    const Place place;
    for (int round = 0; round < 5; ++round) {
        fail_once(place.directory);
        write_file(place.file, "torn");
        CHECK(in_children(8, [&](int) {
            auto state = open_at_last(place.directory);
            if (!state) return 1;
            state->throttle({}).charge(somebody(), state->now());
            return 0;
        }));
        auto state = ThrottleState::open(place.directory);
        REQUIRE(state);
        CHECK(state->throttle({}).quarters(somebody(), Kind::login, state->now()) ==
              8 * whole_failure);
    }
}
