#include "base/alarm.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;
using std::chrono::seconds;

namespace {

// Waits in a call that nobody ends.
int hang() {
    int ends[2];
    char byte;
    if (::pipe(ends) != 0) return 1;
    while (::read(ends[0], &byte, 1) < 0) continue;
    return 2;
}

} // namespace

TEST_CASE("a call that hangs ends the process, also where SIGALRM is ignored and blocked") {
    CHECK(in_child([] {
              const Alarm alarm{seconds{1}};
              return hang();
          }) == 111);
    CHECK(in_child([] {
              ignore_and_block_signals();
              const Alarm alarm{seconds{1}};
              return hang();
          }) == 111);
}

TEST_CASE("an alarm that was there before goes on, and what SIGALRM did before it does again") {
    CHECK(in_child([] {
              ::alarm(1);
              const Alarm alarm{seconds{1000}};
              return hang();
          }) == 111);
    CHECK(in_child([] {
              ::alarm(1000);
              { const Alarm alarm{seconds{1}}; }
              const unsigned left = ::alarm(1);
              if (left < 900 || left > 1000) return 3;
              return hang();
          }) == -SIGALRM);
    CHECK(in_child([] {
              ignore_and_block_signals();
              { const Alarm alarm{seconds{1}}; }
              if (::alarm(0) != 0) return 3;
              struct sigaction action {};
              ::sigaction(SIGALRM, nullptr, &action);
              sigset_t mask;
              ::sigprocmask(SIG_SETMASK, nullptr, &mask);
              return action.sa_handler == SIG_IGN && ::sigismember(&mask, SIGALRM) == 1 ? 0 : 4;
          }) == 0);
}
