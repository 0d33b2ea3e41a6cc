#include "link/record.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

using namespace poppass;
using namespace poppass::test;

namespace {

const std::string nul(1, '\0');

bool is_misuse(const Error& error) { return error.status == ExitStatus::misused; }

bool all_zero(std::span<const char> storage) {
    return std::all_of(storage.begin(), storage.end(), [](char c) { return c == 0; });
}

} // namespace

TEST_CASE("a check record: login, password, timestamp, and whatever follows") {
    struct Case {
        std::string record;
        std::string login, password, timestamp;
    };
    const Case cases[] = {
        {bytes("joe\0pass\0\0\0"), "joe", "pass", ""},   // poppass
        {bytes("joe\0pass\0\0"), "joe", "pass", ""},     // Dovecot
        {bytes("u\0p\0Y123456\0"), "u", "p", "Y123456"}, // qpsmtpd
        {bytes("joe\0response\0<1.2@host>\0"), "joe", "response", "<1.2@host>"},
        {bytes("joe\0pass\0\0more\0and more"), "joe", "pass", ""},
        {bytes("joe\0pass\0\0\0\0\0\0\0"), "joe", "pass", ""},
        {bytes("joe\0pass\0\0no last NUL"), "joe", "pass", ""},
        {bytes("\0\0\0"), "", "", ""},
        {bytes("joe\0\0\0"), "joe", "", ""},
        {bytes("\0pass\0\0"), "", "pass", ""},
        {bytes(" j\n\xff\0 p\r\n\0 \0"), " j\n\xff", " p\r\n", " "},
    };
    for (const auto& [record, login, password, timestamp] : cases) {
        CAPTURE(record);
        const auto parsed = parse_check_record(record);
        REQUIRE(parsed);
        CHECK(parsed->login == login);
        CHECK(parsed->password == password);
        CHECK(parsed->timestamp == timestamp);
        // The views lie in the record, and each is followed by its NUL.
        CHECK(parsed->login.data() == record.data());
        for (const auto view : {parsed->login, parsed->password, parsed->timestamp})
            CHECK(view.data()[view.size()] == '\0');
    }
}

TEST_CASE("a check record: no truncation of a good one is good before its third NUL") {
    const auto record = bytes("joe\0pass\0Y123456\0");
    for (std::size_t size = 0; size < record.size(); ++size) {
        CAPTURE(size);
        const auto parsed = parse_check_record(std::string_view{record}.substr(0, size));
        REQUIRE_FALSE(parsed);
        CHECK(is_misuse(parsed.error()));
    }
    CHECK(parse_check_record(record));
}

TEST_CASE("a set record: four strings, the third empty, the fourth not") {
    struct Case {
        std::string record;
        std::string login, old_password, new_password;
    };
    const Case cases[] = {
        {bytes("joe\0old\0\0new\0"), "joe", "old", "new"},
        {bytes("\0\0\0n\0"), "", "", "n"},
        {bytes("joe\0\0\0new\0"), "joe", "", "new"},
        {bytes(" joe \0 o\xff\0\0 n\t \0"), " joe ", " o\xff", " n\t "},
    };
    for (const auto& [record, login, old_password, new_password] : cases) {
        CAPTURE(record);
        const auto parsed = parse_set_record(record);
        REQUIRE(parsed);
        CHECK(parsed->login == login);
        CHECK(parsed->old_password == old_password);
        CHECK(parsed->new_password == new_password);
        for (const auto view : {parsed->login, parsed->old_password, parsed->new_password})
            CHECK(view.data()[view.size()] == '\0');
    }
}

TEST_CASE("a set record: no truncation of a good one is good") {
    const auto record = bytes("joe\0old\0\0new\0");
    for (std::size_t size = 0; size < record.size(); ++size) {
        CAPTURE(size);
        const auto parsed = parse_set_record(std::string_view{record}.substr(0, size));
        REQUIRE_FALSE(parsed);
        CHECK(is_misuse(parsed.error()));
    }
}

TEST_CASE("a set record: what comes near to one is misuse, in words without its content") {
    struct Case {
        std::string record;
        std::string_view words;
    };
    const Case cases[] = {
        {"", "no login"},
        {"secret", "no login"},
        {bytes("secret\0"), "no old password"},
        {bytes("secret\0secret\0"), "no response"},
        {bytes("secret\0secret\0secret\0"), "no new password"}, // as vsetpass's manual has it
        {bytes("secret\0secret\0\0"), "no new password"},
        {bytes("secret\0secret\0\0secret"), "no new password"},
        {bytes("secret\0secret\0secret\0secret\0"), "a response"},
        {bytes("secret\0secret\0\0\0"), "an empty new password"},
        {bytes("secret\0secret\0secret\0\0"), "a response"},
        {bytes("secret\0secret\0\0secret\0\0"), "more than four strings"},
        {bytes("secret\0secret\0\0secret\0s"), "more than four strings"},
        {bytes("secret\0secret\0\0secret\0secret\0"), "more than four strings"},
        {bytes("secret\0secret\0\0secret\0\n"), "more than four strings"},
        {std::string(512, '\0'), "an empty new password"},
    };
    for (const auto& [record, words] : cases) {
        CAPTURE(record);
        const auto parsed = parse_set_record(record);
        REQUIRE_FALSE(parsed);
        CHECK(is_misuse(parsed.error()));
        CHECK(parsed.error().message().ends_with(words));
        CHECK(parsed.error().message().find("secret") == std::string::npos);
    }
}

TEST_CASE("check and set records: 512 bytes are a record, 513 are not") {
    const auto padded = [](std::size_t size, const std::string& end) {
        return "joe" + nul + std::string(size - 4 - end.size(), 'p') + end;
    };
    CHECK(parse_check_record(padded(512, bytes("\0\0"))));
    CHECK_FALSE(parse_check_record(padded(513, bytes("\0\0"))));
    CHECK(parse_check_record(bytes("j\0p\0\0") + std::string(507, 'x')));
    CHECK_FALSE(parse_check_record(bytes("j\0p\0\0") + std::string(508, 'x')));
    CHECK(parse_set_record(padded(512, bytes("\0\0new\0"))));
    CHECK_FALSE(parse_set_record(padded(513, bytes("\0\0new\0"))));
    CHECK_FALSE(parse_set_record(std::string(512, 'x')));
    CHECK_FALSE(parse_check_record(std::string(512, 'x')));
    CHECK(is_misuse(parse_check_record(std::string(513, '\0')).error()));
    CHECK(is_misuse(parse_set_record(std::string(100'000, '\0')).error()));
}

TEST_CASE("make_check_record") {
    Secret record{longest_record + 1};
    CHECK(make_check_record(record, "joe", "pass"));
    CHECK(record.view() == bytes("joe\0pass\0\0\0"));
    CHECK(make_check_record(record, "", ""));
    CHECK(record.view() == bytes("\0\0\0\0"));
    // To the byte: two strings and four NULs.
    CHECK(make_check_record(record, std::string(508 - 8, 'l'), "12345678"));
    CHECK(record.size() == 512);
    REQUIRE(parse_check_record(record.view()));
    CHECK(parse_check_record(record.view())->password == "12345678");
    CHECK_FALSE(make_check_record(record, std::string(508 - 8, 'l'), "123456789"));
    CHECK(record.size() == 0);
    CHECK(all_zero(record.storage()));
    CHECK_FALSE(make_check_record(record, "joe", std::string(100'000, 'p')));
    CHECK(all_zero(record.storage()));
}

TEST_CASE("make_set_record") {
    Secret record{longest_record + 1};
    CHECK(make_set_record(record, "joe", "old", "new"));
    CHECK(record.view() == bytes("joe\0old\0\0new\0"));
    CHECK(make_set_record(record, "joe", "old", std::string(508 - 6, 'n')));
    CHECK(record.size() == 512);
    REQUIRE(parse_set_record(record.view()));
    CHECK(parse_set_record(record.view())->new_password == std::string(502, 'n'));
    CHECK_FALSE(make_set_record(record, "joe", "old", std::string(508 - 5, 'n')));
    CHECK(record.size() == 0);
    CHECK(all_zero(record.storage()));
}

TEST_CASE("make: neither a smaller nor a larger buffer is filled with more than fits") {
    Secret small{10};
    CHECK(make_check_record(small, "joe", "abc"));
    CHECK_FALSE(make_check_record(small, "joe", "abcd"));
    CHECK(all_zero(small.storage()));
    Secret large{4096};
    CHECK_FALSE(make_check_record(large, "joe", std::string(600, 'p')));
    CHECK(all_zero(large.storage()));
}

TEST_CASE("read_record: to the end of a pipe, in pieces or whole") {
    for (const std::size_t size : {0U, 1U, 13U, 511U, 512U}) {
        CAPTURE(size);
        auto pipe = make_pipe();
        REQUIRE(pipe);
        const std::string content(size, 'x');
        std::thread writer{[&] {
            for (const char& byte : content)
                if (!write_whole(pipe->write_end.get(), {&byte, 1})) break;
            pipe->write_end.reset();
        }};
        Secret record{longest_record + 1};
        const auto read = read_record(pipe->read_end.get(), record);
        writer.join();
        CHECK(read);
        CHECK(record.view() == content);
    }
}

TEST_CASE("read_record: more than 512 bytes is misuse and leaves nothing that counts") {
    for (const std::size_t size : {513U, 514U, 5000U}) {
        CAPTURE(size);
        auto pipe = make_pipe();
        REQUIRE(pipe);
        REQUIRE(write_whole(pipe->write_end.get(), std::string(size, 'x')));
        pipe->write_end.reset();
        Secret record{longest_record + 1};
        const auto read = read_record(pipe->read_end.get(), record);
        REQUIRE_FALSE(read);
        CHECK(is_misuse(read.error()));
        CHECK(record.size() == 0);
    }
}

TEST_CASE("read_record: a descriptor that cannot be read is misuse, and old content is gone") {
    auto pipe = make_pipe();
    REQUIRE(pipe);
    const Fd directory{::open("/", O_RDONLY | O_CLOEXEC)};
    for (const int fd : {-1, 1000, directory.get(), pipe->write_end.get()}) {
        CAPTURE(fd);
        Secret record{longest_record + 1};
        REQUIRE(record.assign({"old content"}));
        const auto read = read_record(fd, record);
        REQUIRE_FALSE(read);
        CHECK(is_misuse(read.error()));
        CHECK(read.error().message().find("descriptor 3") != std::string::npos);
        CHECK(all_zero(record.storage()));
    }
}

TEST_CASE("read_record: an error of the system is trouble, and old content is gone") {
    // Nothing is mapped at the address 0, so that reading there is an input/output error.
    const Fd memory{::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
    if (missing(static_cast<bool>(memory), "/proc")) return;
    Secret record{longest_record + 1};
    REQUIRE(record.assign({"old content"}));
    const auto read = read_record(memory.get(), record);
    REQUIRE_FALSE(read);
    CHECK(read.error().status == ExitStatus::temporary);
    CHECK(read.error().message().find("descriptor 3: read: Input/output error") !=
          std::string::npos);
    CHECK(all_zero(record.storage()));
}

TEST_CASE("read_record: reads from a file, too") {
    const TemporaryDirectory directory;
    write_file(directory.file("record"), bytes("joe\0old\0\0new\0"));
    const Fd fd{::open(directory.file("record").c_str(), O_RDONLY | O_CLOEXEC)};
    Secret record{longest_record + 1};
    CHECK(read_record(fd.get(), record));
    REQUIRE(parse_set_record(record.view()));
    CHECK(parse_set_record(record.view())->new_password == "new");
}
