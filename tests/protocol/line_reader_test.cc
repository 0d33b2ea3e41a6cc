#include "protocol/line_reader.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace poppass;
using namespace poppass::test;

namespace {

struct Seen {
    std::string text;
    bool cut;
    bool operator==(const Seen&) const = default;
};

// What the lines of a whole stream are.
std::vector<Seen> lines_of(std::string_view stream) {
    std::vector<Seen> lines;
    for (;;) {
        const auto end = stream.find('\n');
        if (end == stream.npos) return lines;
        lines.push_back(
            {std::string{stream.substr(0, std::min(end, longest_line))}, end > longest_line});
        stream.remove_prefix(end + 1);
    }
}

void feed(LineReader& reader, std::string_view& stream, std::size_t most) {
    const auto room = reader.room();
    REQUIRE_FALSE(room.empty());
    const auto size = stream.copy(room.data(), std::min(room.size(), most));
    reader.took(size);
    stream.remove_prefix(size);
}

// All lines, taken as they come; the stream arrives in pieces of `piece()` bytes.
std::vector<Seen> read_all(std::string_view stream, const std::function<std::size_t()>& piece) {
    LineReader reader;
    std::vector<Seen> lines;
    for (;;) {
        while (const auto line = reader.line()) {
            lines.push_back({std::string{line->text}, line->cut});
            reader.drop_line();
        }
        if (stream.empty()) return lines;
        feed(reader, stream, piece());
    }
}

bool all_zero(std::span<const char> storage) {
    return std::all_of(storage.begin(), storage.end(), [](char c) { return c == 0; });
}

} // namespace

TEST_CASE("lines are the same, in whatever pieces they arrive") {
    const std::string streams[] = {
        "",
        "\n",
        "\n\n\n",
        "user joe\r\npass secret\r\nnewpass other\r\nquit\r\n",
        "user joe\npass secret\nnewpass other\nquit\n",
        "no line end",
        "one\nno line end",
        bytes("a\0b\n\0\n\r\r\n"),
        std::string(5000, '\n'),
        std::string(longest_line - 1, 'x') + "\nb\n",
        std::string(longest_line, 'x') + "\nb\n",
        std::string(longest_line + 1, 'x') + "\nb\n",
        std::string(longest_line - 1, 'x') + "\r\nb\n",
        std::string(longest_line, 'x') + "\r\nb\n",
        std::string(4095, 'x') + "\nb\n",
        std::string(4096, 'x') + "\nb\n",
        std::string(4097, 'x') + "\nb\n",
        std::string(100'000, 'x') + "\nb\n" + std::string(5000, 'y') + "\nc\n\n",
        std::string(100'000, 'x'),
    };
    for (const auto& stream : streams) {
        CAPTURE(stream.substr(0, 50));
        CAPTURE(stream.size());
        for (const std::size_t piece :
             {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1023}, longest_line,
              longest_line + 1, std::size_t{4095}, std::size_t{4096}, std::size_t{1'000'000}}) {
            CAPTURE(piece);
            CHECK(read_all(stream, [=] { return piece; }) == lines_of(stream));
        }
    }
}

TEST_CASE("lines are the same for random streams in random pieces") {
    std::mt19937 random{5};
    for (int round = 0; round < 3'000; ++round) {
        std::string stream;
        for (auto n = random() % 12; n > 0; --n) {
            const std::size_t sizes[] = {
                0, 1, 10, 500, longest_line - 1, longest_line, longest_line + 1, 2000, 4096, 9000};
            stream += std::string(sizes[random() % std::size(sizes)], "abc\0\r"[random() % 5]);
            if (random() % 8 != 0) stream += '\n';
        }
        const std::size_t most = 1 + random() % 5000;
        const auto lines = read_all(stream, [&] { return 1 + random() % most; });
        REQUIRE(lines == lines_of(stream));
    }
}

TEST_CASE("a line is given again until it is dropped, and dropped once") {
    LineReader reader;
    std::string_view stream = "one\ntwo\nthr";
    feed(reader, stream, 100);
    for (int i = 0; i < 3; ++i) {
        const auto line = reader.line();
        REQUIRE(line);
        CHECK(line->text == "one");
    }
    reader.drop_line();
    reader.drop_line();
    const auto line = reader.line();
    REQUIRE(line);
    CHECK(line->text == "two");
    reader.drop_line();
    CHECK_FALSE(reader.line());
    reader.drop_line(); // there is none: the beginning of the next one stays
    stream = "ee\n";
    feed(reader, stream, 100);
    REQUIRE(reader.line());
    CHECK(reader.line()->text == "three");
}

TEST_CASE("more may be read while a line is in use") {
    LineReader reader;
    std::string_view stream = "one\n";
    feed(reader, stream, 100);
    const auto line = reader.line();
    REQUIRE(line);
    stream = "two\n";
    feed(reader, stream, 100);
    CHECK(line->text == "one");
    reader.drop_line();
    REQUIRE(reader.line());
    CHECK(reader.line()->text == "two");
}

TEST_CASE("a dropped line is wiped, and so is the end of a line that was too long") {
    LineReader reader;
    std::string_view stream = "pass secret\nx";
    feed(reader, stream, 100);
    REQUIRE(reader.line());
    reader.drop_line();
    CHECK(all_zero(reader.room()));
    CHECK_FALSE(reader.line());

    const std::string big(4095, 's');
    stream = big;
    feed(reader, stream, 4096);
    CHECK_FALSE(reader.line());
    CHECK(all_zero(reader.room()));
    CHECK(reader.room().size() == 4096 - longest_line);
    stream = "more\n";
    feed(reader, stream, 100);
    REQUIRE(reader.line());
    CHECK(reader.line()->cut);
    reader.drop_line();
    CHECK(all_zero(reader.room()));
    CHECK(reader.room().size() == 4096);

    stream = "pass secret\npass again";
    feed(reader, stream, 100);
    reader.wipe();
    CHECK(all_zero(reader.room()));
    CHECK(reader.room().size() == 4096);
}
