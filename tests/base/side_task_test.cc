#include "base/side_task.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <sched.h>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

enum Where { aside, here };

// Where a task does its work. It begins at once where it has a thread; else at wait().
Where where_done() {
    std::thread::id worker;
    SideTask task{[&] { worker = std::this_thread::get_id(); }};
    task.wait();
    return worker == std::this_thread::get_id() ? here : aside;
}

Where where_done_under(__rlimit_resource resource, rlim_t value) {
    return static_cast<Where>(in_child([&] {
        const rlimit limit{value, value};
        return ::setrlimit(resource, &limit) == 0 ? static_cast<int>(where_done()) : 99;
    }));
}

cpu_set_t processors() {
    cpu_set_t all;
    REQUIRE(::sched_getaffinity(0, sizeof all, &all) == 0);
    return all;
}

bool threads_are_placed() {
#ifdef HAVE_THREADS_PLACED
    const auto all = processors();
    return CPU_COUNT(&all) > 1;
#else
    return false;
#endif
}

} // namespace

TEST_CASE("the work is done once, with or without another processor") {
    int done = 0;
    SideTask task{[&] { ++done; }};
    task.wait();
    CHECK(done == 1);
    task.wait();
    CHECK(done == 1);
    CHECK(where_done() == (threads_are_placed() ? aside : here));
}

TEST_CASE(
    "a task begins on another processor than its caller's, and the caller may still use all") {
    if (missing(threads_are_placed(), "a second processor")) return;
    const auto before = processors();
    cpu_set_t begun_on;
    SideTask task{[&] { ::sched_getaffinity(0, sizeof begun_on, &begun_on); }};
    task.wait();
    CHECK(CPU_COUNT(&begun_on) == CPU_COUNT(&before) - 1);
    const auto after = processors();
    CHECK(CPU_EQUAL(&before, &after));
}

TEST_CASE("with one processor, limited memory or no thread, the caller does the work") {
    CHECK(in_child([] {
              cpu_set_t one;
              CPU_ZERO(&one);
              CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
              return ::sched_setaffinity(0, sizeof one, &one) == 0 ? int{where_done()} : 99;
          }) == here);
    constexpr rlim_t large = rlim_t{1} << 45; // the sanitizers' shadow memory fits, too
    CHECK(where_done_under(RLIMIT_AS, large) == here);
    CHECK(where_done_under(RLIMIT_DATA, large) == here);
    if (missing(::geteuid() == 0, "root")) return;
    CHECK(in_child([] {
              const uid_t lonely = 64'323; // a number that no other process has
              const rlimit none{0, 0};
              if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setresuid(lonely, lonely, lonely) != 0)
                  return 99;
              return int{where_done()};
          }) == here);
}

TEST_CASE("wait() throws what the work throws when it is done again") {
    int tries = 0;
    SideTask fails_once{[&] {
        if (++tries == 1) throw std::runtime_error{"first"};
    }};
    if (threads_are_placed())
        CHECK_NOTHROW(fails_once.wait());
    else
        CHECK_THROWS(fails_once.wait());
    SideTask fails{[] { throw std::runtime_error{"always"}; }};
    CHECK_THROWS_WITH(fails.wait(), "always");
}

TEST_CASE("the destructor waits for a task that nobody waited for") {
    bool ended = true;
    for (int i = 0; i < 100; ++i) {
        SideTask task{[&] {
            ended = false;
            std::this_thread::yield();
            ended = true;
        }};
    }
    CHECK(ended);
}
