#include "base/log.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

using namespace poppass;
using namespace poppass::test;

namespace {

std::string hex(unsigned char byte) {
    const std::string_view digits = "0123456789abcdef";
    return {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
}

// What one complaint writes to descriptor 2: a string for each write, which a packet socket keeps
// apart.
std::vector<std::string> writes_of(std::string_view program, std::string_view message) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    const Fd ours{ends[0]};
    Fd theirs{ends[1]};
    const Fd before{::fcntl(2, F_DUPFD_CLOEXEC, 3)};
    ::dup2(theirs.get(), 2);
    theirs.reset();
    complain(program, message);
    ::dup2(before.get(), 2);
    std::vector<std::string> writes;
    char block[4096];
    for (ssize_t n = 0; (n = ::read(ours.get(), block, sizeof block)) > 0;)
        writes.emplace_back(block, static_cast<std::size_t>(n));
    return writes;
}

} // namespace

TEST_CASE("a line is key=value words with one space between") {
    LogLine line;
    CHECK(line.text() == "");
    line.add("event", "check").add("user", "").add("ms", std::int64_t{12});
    CHECK(line.text() == "event=check user= ms=12");
}

TEST_CASE("the least and the greatest number") {
    LogLine line;
    line.add("a", INT64_MIN).add("b", std::int64_t{0}).add("c", INT64_MAX);
    CHECK(line.text() == "a=-9223372036854775808 b=0 c=9223372036854775807");
}

TEST_CASE("in a value every byte but plain printable ones is escaped") {
    for (int value = 0; value < 256; ++value) {
        const auto byte = static_cast<unsigned char>(value);
        const bool plain = byte > 0x20 && byte < 0x7f && byte != '=' && byte != '"' && byte != '\\';
        LogLine line;
        line.add("k", std::string(1, static_cast<char>(byte)));
        CHECK(line.text() == "k=" + (plain ? std::string(1, static_cast<char>(byte)) : hex(byte)));
    }
}

TEST_CASE("hostile values forge neither a line nor a key") {
    LogLine line;
    line.add("user", "joe\nevent=check result=accepted").add("ip", bytes("\0\x1b[2J\377"));
    CHECK(line.text() == R"(user=joe\x0aevent\x3dcheck\x20result\x3daccepted ip=\x00\x1b[2J\xff)");
}

TEST_CASE("a long value is cut between escapes and ends in dots") {
    constexpr auto longest = LogLine::longest_value;
    for (const std::size_t size : {std::size_t{1}, longest - 3, longest - 2, longest - 1, longest,
                                   longest + 1, std::size_t{5000}}) {
        CAPTURE(size);
        LogLine line;
        line.add("k", std::string(size, 'x'));
        const auto value = line.text().substr(2);
        CHECK(value.size() <= longest);
        if (size <= longest)
            CHECK(value == std::string(size, 'x'));
        else
            CHECK(value == std::string(longest - 3, 'x') + "...");
    }
    for (std::size_t lead = 0; lead < 4; ++lead) {
        LogLine line;
        line.add("k", std::string(lead, 'x') + std::string(500, '\n'));
        auto value = line.text().substr(2);
        CHECK(value.size() <= longest);
        REQUIRE(value.ends_with("..."));
        value.remove_suffix(3);
        value.remove_prefix(lead);
        REQUIRE(value.size() % 4 == 0);
        for (; !value.empty(); value.remove_prefix(4)) CHECK(value.substr(0, 4) == "\\x0a");
    }
}

TEST_CASE("a line leaves room for its line feed, whatever is added") {
    LogLine line;
    for (int i = 0; i < 20; ++i) line.add("key", std::string(i % 2 == 0 ? 1 : 400, 'x'));
    CHECK(line.text().size() <= LogLine::longest - 1);
    CHECK(line.text().size() > 900);
    // What comes when it is full is left out whole.
    const std::string before{line.text()};
    line.add(std::string(1024, 'k'), "v");
    CHECK(line.text() == before);
    LogLine fresh;
    fresh.add(std::string(2000, 'k'), "v").add("a", "b");
    CHECK(fresh.text() == "a=b");
    fresh.add(std::string(2000, 'k'), "v");
    CHECK(fresh.text() == "a=b");
    for (std::size_t size = 1000; size < 1030; ++size) {
        CAPTURE(size);
        LogLine brim;
        brim.add(std::string(size, 'k'), "");
        CHECK(brim.text().size() == (size < LogLine::longest - 1 ? size + 1 : 0));
    }
}

TEST_CASE("complain: one line, one write") {
    CHECK(writes_of("checkpw", "open /etc/x: No such file") ==
          std::vector<std::string>{"checkpw: open /etc/x: No such file\n"});
    CHECK(writes_of("p", "") == std::vector<std::string>{"p: \n"});
    CHECK(writes_of("p", std::string(5000, 'x')) ==
          std::vector<std::string>{"p: " + std::string(1024 - 4, 'x') + "\n"});
    CHECK(writes_of("p", std::string(1024 - 4, 'x'))[0].size() == 1024);
    CHECK(writes_of("p", std::string(1024 - 5, 'x'))[0].size() == 1023);
    const auto longest = writes_of(std::string(2000, 'p'), "x");
    REQUIRE(longest.size() == 1);
    CHECK(longest[0].size() == 1024);
    CHECK(longest[0].back() == '\n');
}

TEST_CASE("complain: a long line is cut between escapes") {
    for (std::size_t lead = 0; lead < 4; ++lead) {
        CAPTURE(lead);
        const auto line = writes_of("p", std::string(lead, 'x') + std::string(500, '\n')).at(0);
        CHECK(line.size() <= 1024);
        CHECK(line.size() > 1024 - 4);
        CHECK(line.ends_with("\\x0a\n"));
    }
}

TEST_CASE("complain: control bytes and what is not ASCII are made visible") {
    CHECK(writes_of("p", bytes("a\nb\r\0\t\x1b\x7f\200\377 = \"q\" end")) ==
          std::vector<std::string>{"p: a\\x0ab\\x0d\\x00\\x09\\x1b\\x7f\\x80\\xff = \"q\" end\n"});
}

TEST_CASE("complain: a descriptor 2 that cannot be written to does no harm") {
    CHECK(in_child([] {
              ::close(2);
              complain("p", "closed");
              const int full = ::open("/dev/full", O_WRONLY);
              ::dup2(full, 2);
              complain("p", "full");
              return 5;
          }) == 5);
}
