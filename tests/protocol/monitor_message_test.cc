#include "protocol/monitor_message.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <random>

using namespace poppass;
using namespace poppass::test;

namespace {

std::string message_of(const Request& request) {
    Secret into{longest_request};
    REQUIRE(make_request(into, request));
    return std::string{into.view()};
}

std::string kind_of(const std::optional<Request>& request) {
    if (!request) return "none";
    if (const auto* const check = std::get_if<CheckRequest>(&*request))
        return "check " + std::string{check->login} + "/" + std::string{check->password};
    if (const auto* const change = std::get_if<ChangeRequest>(&*request))
        return "change " + std::string{change->new_password};
    if (const auto* const failure = std::get_if<StartFailure>(&*request))
        return "failure " + std::string{failure->what};
    return "forget";
}

} // namespace

TEST_CASE("requests arrive as they were sent") {
    struct Case {
        Request request;
        std::string seen;
    };
    const std::string odd = " \x01\t\xff\x80 ";
    const Case cases[] = {
        {CheckRequest{"joe", "secret"}, "check joe/secret"},
        {CheckRequest{"j", "s"}, "check j/s"},
        {CheckRequest{odd, odd}, "check " + odd + "/" + odd},
        {ChangeRequest{"new"}, "change new"},
        {ChangeRequest{odd}, "change " + odd},
        {ForgetRequest{}, "forget"},
        {StartFailure{"chroot: Operation not permitted"},
         "failure chroot: Operation not permitted"},
    };
    for (const auto& [request, seen] : cases)
        CHECK(kind_of(parse_request(message_of(request))) == seen);
}

TEST_CASE("whatever fits a record fits a message") {
    for (std::size_t login = 1; login < 508; login += 46) {
        const std::string name(login, 'n'), password(508 - login, 'p');
        CHECK(kind_of(parse_request(message_of(CheckRequest{name, password}))) ==
              "check " + name + "/" + password);
    }
    const std::string longest(506, 'p');
    CHECK(kind_of(parse_request(message_of(ChangeRequest{longest}))) == "change " + longest);
}

TEST_CASE("what does not fit leaves nothing behind") {
    Secret into{longest_request};
    REQUIRE(make_request(into, ChangeRequest{"before"}));
    const std::string big(longest_request, 'b');
    CHECK_FALSE(make_request(into, ChangeRequest{big}));
    CHECK(into.size() == 0);
    CHECK_FALSE(make_request(into, CheckRequest{big, "p"}));
    CHECK_FALSE(make_request(into, CheckRequest{"l", big}));
    CHECK_FALSE(make_request(into, StartFailure{big}));
    CHECK(std::string_view{into.storage().data(), into.capacity()}.find_first_not_of('\0') ==
          std::string_view::npos);
}

TEST_CASE("a request that is cut or longer, or of another kind, does not parse") {
    for (const Request& request :
         {Request{CheckRequest{"joe", "secret"}}, Request{ChangeRequest{"new"}},
          Request{StartFailure{"why"}}, Request{ForgetRequest{}}}) {
        const std::string good = message_of(request);
        for (std::size_t size = 0; size < good.size(); ++size) {
            CAPTURE(size);
            CHECK_FALSE(parse_request(good.substr(0, size)));
        }
        for (const std::string& more : {bytes("\0"), bytes("x"), bytes("x\0"), bytes("\0\0")})
            CHECK_FALSE(parse_request(good + more));
    }
}

TEST_CASE("malformed requests") {
    const std::string cases[] = {
        "",
        "c",
        "n",
        "f\0",
        "x",
        "v",
        "C",
        "N",
        "?",
        bytes("\0"),
        bytes("c\0"),
        bytes("c\0\0"),
        bytes("cjoe\0\0"),        // an empty password
        bytes("c\0secret\0"),     // an empty login
        bytes("cjoe\0secret"),    // no last NUL
        bytes("cjoe\0a\0b\0"),    // three strings
        bytes("cjoe\0"),          // one
        bytes("cjoe\nroot\0a\0"), // line ends, which no client can send
        bytes("cjoe\0a\r\0"),
        bytes("nnew\nroot:evil\0"),
        bytes("n\0"),
        bytes("nnew"),
        bytes("na\0b\0"),
        bytes("f\0"),
        bytes("ff"),
        bytes("fjoe\0"),
        bytes("x\0"),
        bytes("xa\0b\0"),
        bytes("ga\0"),
        bytes("\xff"
              "a\0"),
        "n" + std::string(longest_request, 'n') + bytes("\0"),
        "n" + std::string(longest_request - 1, 'n') + bytes("\0"),
        std::string(longest_request + 1, 'f'),
        std::string(100'000, 'c'),
        "c" + std::string(600, 'j') + bytes("\0p\0"),
    };
    for (const auto& message : cases) {
        CAPTURE(message);
        if (message == "f") continue;
        CHECK_FALSE(parse_request(message));
    }
    // The longest there may be.
    CHECK(parse_request("n" + std::string(longest_request - 2, 'n') + bytes("\0")));
}

TEST_CASE("whatever parses has whole strings without NULs, and is made again from them") {
    std::mt19937 random{1};
    constexpr std::string_view letters{"cnfxab\0\0\xff", 9};
    int parsed = 0;
    for (int round = 0; round < 300'000; ++round) {
        std::string message;
        for (auto n = random() % 9; n > 0; --n) message += letters[random() % letters.size()];
        const auto request = parse_request(message);
        if (!request) continue;
        ++parsed;
        REQUIRE(message_of(*request) == message);
        const auto kind = kind_of(request);
        REQUIRE(kind.find('\0') == kind.npos);
    }
    CHECK(parsed > 1000);
}

TEST_CASE("verdicts arrive as they were sent") {
    for (const auto outcome :
         {ChainOutcome::accepted, ChainOutcome::rejected, ChainOutcome::misused,
          ChainOutcome::temporary, ChainOutcome::unknown})
        for (const bool last : {false, true})
            for (const std::string& reason :
                 {std::string{}, std::string{"Sorry"}, std::string(longest_reason, 'w'),
                  std::string{"\xff"}}) {
                const Answer answer{Verdict{outcome, last, reason}};
                const auto parsed = parse_answer(answer.view());
                REQUIRE(parsed);
                const auto* const verdict = std::get_if<Verdict>(&*parsed);
                REQUIRE(verdict != nullptr);
                CHECK(verdict->outcome == outcome);
                CHECK(verdict->last == last);
                CHECK(verdict->reason == reason);
            }
    // A longer reason is cut here, too.
    const std::string reason(1000, 'w');
    const Answer answer{Verdict{ChainOutcome::rejected, false, reason}};
    CHECK(answer.view().size() == Answer::longest);
    const auto parsed = parse_answer(answer.view());
    REQUIRE(parsed);
    CHECK(std::get<Verdict>(*parsed).reason == std::string(longest_reason, 'w'));
}

TEST_CASE("closings arrive as they were sent") {
    for (const auto closing : {Closing::time_is_up, Closing::shutting_down}) {
        const auto parsed = parse_answer(Answer{closing}.view());
        REQUIRE(parsed);
        REQUIRE(std::holds_alternative<Closing>(*parsed));
        CHECK(std::get<Closing>(*parsed) == closing);
    }
}

TEST_CASE("malformed answers") {
    for (const std::string& message :
         {bytes(""), bytes("v"), bytes("v\0"), bytes("e"), bytes("e\2"), bytes("e\xff"),
          bytes("e\0\0"), bytes("e\1x"), bytes("v\5\0"), bytes("v\xff\0"), bytes("v\0\2"),
          bytes("v\0\xff"), bytes("V\0\0"), bytes("\0\0\0"), bytes("c\0\0"),
          bytes("v\0\0") + std::string(longest_reason + 1, 'w')}) {
        CAPTURE(message);
        CHECK_FALSE(parse_answer(message));
    }
}

TEST_CASE("answers of two and three bytes: only verdicts with known values, and closings") {
    int verdicts = 0, closings = 0;
    for (int a = 0; a < 256; ++a)
        for (int b = 0; b < 256; ++b) {
            const std::string two{static_cast<char>(a), static_cast<char>(b)};
            if (const auto answer = parse_answer(two)) {
                REQUIRE(std::holds_alternative<Closing>(*answer));
                ++closings;
            }
            for (int c = 0; c < 256 && (a == 'v' || a == 'e' || b < 8); ++c)
                if (const auto answer = parse_answer(two + static_cast<char>(c))) {
                    REQUIRE(std::holds_alternative<Verdict>(*answer));
                    ++verdicts;
                }
        }
    CHECK(closings == 2);
    CHECK(verdicts == 10);
}
