#include "base/secret.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <iterator>
#include <new>
#include <sstream>

using namespace poppass;
using namespace poppass::test;

namespace {

bool all_zero(std::span<const char> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// What our munmap below saw.
const void* watched = nullptr;
bool was_unmapped = false;
bool was_zero = false;

// The flags that the kernel keeps for the pages that hold `address`.
std::vector<std::string> page_flags(const void* address) {
    std::istringstream maps{read_file("/proc/self/smaps")};
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    bool here = false;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0;
        unsigned long end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
            here = begin <= wanted && wanted < end;
        if (!here || !line.starts_with("VmFlags:")) continue;
        std::istringstream words{line.substr(8)};
        return {std::istream_iterator<std::string>{words}, {}};
    }
    return {};
}

bool contains(const std::vector<std::string>& flags, const char* flag) {
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

} // namespace

// In place of the C library's, to see what Secret gives back.
extern "C" int munmap(void* pages, std::size_t size) {
    if (pages == watched) {
        was_unmapped = true;
        was_zero = all_zero({static_cast<const char*>(pages), size});
    }
    return static_cast<int>(::syscall(SYS_munmap, pages, size));
}

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_move_constructible_v<Secret> && !std::is_move_assignable_v<Secret>);

TEST_CASE("a new Secret is empty and all zeros") {
    Secret secret{513};
    CHECK(secret.capacity() == 513);
    CHECK(secret.size() == 0);
    CHECK(secret.view().empty());
    CHECK(secret.storage().size() == 513);
    CHECK(all_zero(secret.storage()));
}

TEST_CASE("no memory is bad_alloc") {
    CHECK_THROWS_AS(Secret{SIZE_MAX / 2}, std::bad_alloc);
    CHECK_THROWS_AS(Secret{0}, std::bad_alloc);
}

TEST_CASE("assign: takes parts up to the capacity, and nothing where they are longer") {
    struct Case {
        std::initializer_list<std::string_view> parts;
        bool fits;
        std::string_view content;
    };
    static constexpr std::string_view nul{"\0", 1};
    const Case cases[] = {
        {{}, true, ""},
        {{""}, true, ""},
        {{"", "", ""}, true, ""},
        {{"a", "", "b"}, true, "ab"},
        {{"a", nul, "b"}, true, {"a\0b", 3}},
        {{"12345678"}, true, "12345678"},
        {{"1234", "5678", ""}, true, "12345678"},
        {{"123456789"}, false, ""},
        {{"12345678", "9"}, false, ""},
        {{"1234567", "89"}, false, ""},
        {{"123456789", ""}, false, ""},
    };
    for (const auto& [parts, fits, content] : cases) {
        CAPTURE(content);
        Secret secret{8};
        REQUIRE(secret.assign({"before"}));
        CHECK(secret.assign(parts) == fits);
        CHECK(secret.view() == content);
        // Neither what was there before nor what did not fit remains.
        CHECK(all_zero(secret.storage().subspan(secret.size())));
    }
}

TEST_CASE(
    "resize: what was read into the storage counts up to there, and no further than there is") {
    Secret secret{8};
    std::copy_n("abcdefgh", 8, secret.storage().begin());
    secret.resize(3);
    CHECK(secret.view() == "abc");
    secret.resize(8);
    CHECK(secret.view() == "abcdefgh");
    CHECK(in_child([] {
              Secret small{8};
              small.resize(9);
              return 0;
          }) == -SIGABRT);
}

TEST_CASE("drop_front: the rest moves up, its old place is wiped") {
    struct Case {
        std::size_t count;
        std::string_view rest;
    };
    for (const auto& [count, rest] :
         {Case{0, "abcdef"}, Case{1, "bcdef"}, Case{3, "def"}, Case{4, "ef"}, Case{6, ""}}) {
        CAPTURE(count);
        Secret secret{8};
        REQUIRE(secret.assign({"abcdef"}));
        secret.drop_front(count);
        CHECK(secret.view() == rest);
        CHECK(all_zero(secret.storage().subspan(rest.size())));
    }
    CHECK(in_child([] {
              Secret small{8};
              if (!small.assign({"ab"})) return 1;
              small.drop_front(3);
              return 0;
          }) == -SIGABRT);
}

TEST_CASE("wipe: clears all of the storage, also what is not in use") {
    Secret secret{5000};
    std::fill(secret.storage().begin(), secret.storage().end(), 'x');
    secret.resize(3);
    secret.wipe();
    CHECK(secret.size() == 0);
    CHECK(all_zero(secret.storage()));
    char ours[] = "password";
    poppass::wipe(ours);
    CHECK(all_zero(ours));
    char kept[] = "ab";
    poppass::wipe({kept, 1});
    CHECK(std::string_view{kept + 1} == "b");
    CHECK(kept[0] == 0);
}

TEST_CASE("destruction clears the pages before it gives them back") {
    {
        Secret secret{5000};
        watched = secret.storage().data();
        std::fill(secret.storage().begin(), secret.storage().end(), 'x');
        secret.resize(3);
    }
    CHECK(was_unmapped);
    CHECK(was_zero);
    watched = nullptr;
}

TEST_CASE("a forked child reads zeros, and the parent keeps its bytes") {
    Secret secret{5000};
    std::fill(secret.storage().begin(), secret.storage().end(), 'x');
    secret.resize(5000);
    CHECK(in_child([&] { return all_zero(secret.storage()) ? 0 : 1; }) == 0);
    CHECK(secret.view() == std::string(5000, 'x'));
}

TEST_CASE("its pages are locked, left out of core dumps, and wiped on fork") {
    Secret secret{513};
    REQUIRE(secret.assign({"secret"}));
    const auto flags = page_flags(secret.storage().data());
    REQUIRE_FALSE(flags.empty());
    CHECK(contains(flags, "dd"));
    CHECK(contains(flags, "wf"));
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    if (missing(::geteuid() == 0 || limit.rlim_cur >= 65536, "a limit that lets memory be locked"))
        return;
    CHECK(contains(flags, "lo"));
}

TEST_CASE("where the limits allow no locked memory, it works all the same") {
    CHECK(in_child([] {
              const rlimit none{0, 0};
              ::setrlimit(RLIMIT_MEMLOCK, &none);
              if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 1;
              Secret secret{513};
              if (!secret.assign({"secret"}) || secret.view() != "secret") return 2;
              const auto flags = page_flags(secret.storage().data());
              return !contains(flags, "lo") && contains(flags, "dd") && contains(flags, "wf") ? 0
                                                                                              : 3;
          }) == 0);
}
