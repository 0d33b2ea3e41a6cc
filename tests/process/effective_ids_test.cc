#include "process/effective_ids.hh"

#include "base/secret.hh"
#include "support/program.hh"

#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/ptrace.h>
#include <thread>
#include <unistd.h>
#ifdef POPPASS_LINUX
#include <sys/prctl.h>
#endif

using namespace poppass;
using namespace poppass::test;

namespace {

constexpr uid_t bob = 64'001;
constexpr gid_t bobs = 64'002;

struct State {
    uid_t uids[3];
    gid_t gids[3];
    std::vector<gid_t> groups = std::vector<gid_t>(16);

    State() {
        ::getresuid(&uids[0], &uids[1], &uids[2]);
        ::getresgid(&gids[0], &gids[1], &gids[2]);
        groups.resize(static_cast<std::size_t>(::getgroups(16, groups.data())));
    }
    bool is(std::vector<uid_t> want_uids, std::vector<gid_t> want_gids,
            const std::vector<gid_t>& want_groups) const {
        return std::vector(uids, uids + 3) == want_uids &&
               std::vector(gids, gids + 3) == want_gids && groups == want_groups;
    }
};

bool is_dumpable() {
#ifdef POPPASS_LINUX
    return ::prctl(PR_GET_DUMPABLE) != 0;
#else
    return true;
#endif
}

// Runs `deed` in a child of this process, as bob through and through.
int as_bob(const std::function<int()>& deed) {
    return in_child([&] {
        const bool done = ::seteuid(0) == 0 && ::setgroups(0, nullptr) == 0 &&
                          ::setresgid(bobs, bobs, bobs) == 0 && ::setresuid(bob, bob, bob) == 0;
        return done ? deed() : 100;
    });
}

} // namespace

TEST_CASE("effective ids are taken, and root's are taken back") {
    if (missing(::geteuid() == 0, "root")) return;
    CHECK(in_child([] {
              const gid_t roots[] = {0, 4, 5};
              if (::setgroups(3, roots) != 0 || ::setresgid(7, 7, 7) != 0) return 1;
              for (int turn = 0; turn < 2; ++turn) {
                  {
                      const auto taken = EffectiveIds::take(bob, bobs, {bobs, 64'003});
                      if (!taken) return 2;
                      if (!State{}.is({0, bob, 0}, {7, bobs, 7}, {bobs, 64'003})) return 3;
                      if (hardened && is_dumpable()) return 4;
                  }
                  if (!State{}.is({0, 0, 0}, {7, 7, 7}, {0, 4, 5})) return 5;
                  if (hardened && is_dumpable()) return 6;
              }
              const EffectiveIds none;
              return State{}.is({0, 0, 0}, {7, 7, 7}, {0, 4, 5}) ? 0 : 7;
          }) == 0);
}

TEST_CASE("who is not root alone takes nothing, and uid and gid 0 are not taken") {
    if (missing(::geteuid() == 0, "root")) return;
    CHECK(
        in_child([] {
            const State before;
            const auto stays = [&] {
                const State now;
                return now.groups == before.groups &&
                       std::equal(now.uids, now.uids + 3, before.uids) &&
                       std::equal(now.gids, now.gids + 3, before.gids);
            };
            for (const auto& [uid, gid] : {std::pair{0U, bobs}, {bob, 0U}, {~0U, bobs}, {bob, ~0U}})
                if (EffectiveIds::take(uid, gid, {bobs}) || !stays()) return 1;
            if (::setresuid(64'009, 0, 0) != 0) return 2;
            if (EffectiveIds::take(bob, bobs, {bobs})) return 3;
            if (::setresuid(64'009, 64'009, 64'009) != 0) return 4;
            return EffectiveIds::take(bob, bobs, {bobs}) ? 5 : 0;
        }) == 0);
}

TEST_CASE("where root's ids cannot be taken back, the process ends with 111") {
    if (missing(::geteuid() == 0, "root")) return;
    CHECK(in_child([] {
              ::close(2);
              const auto taken = EffectiveIds::take(bob, bobs, {bobs});
              // Root's uid is gone.
              return taken && ::setresuid(bob, bob, bob) == 0 ? 0 : 1;
          }) == 111);
}

TEST_CASE("processes of the user can neither signal nor look into the process") {
    if (missing(::geteuid() == 0, "root") || missing(hardened, "a hardened build")) return;
    CHECK(in_child([] {
              const auto taken = EffectiveIds::take(bob, bobs, {bobs});
              if (!taken) return 1;
              const pid_t target = ::getpid();
              const std::string proc = "/proc/" + std::to_string(target);
              return as_bob([&] {
                  for (const int number : {0, SIGTERM, SIGSTOP, SIGKILL})
                      if (::kill(target, number) == 0 || errno != EPERM) return 2;
                  if (::ptrace(PTRACE_ATTACH, target, nullptr, nullptr) == 0) return 3;
                  for (const char* const name : {"/mem", "/fd/0", "/environ", "/maps"})
                      if (::open((proc + name).c_str(), O_RDONLY | O_CLOEXEC) >= 0) return 4;
                  char path[100];
                  return ::readlink((proc + "/fd/0").c_str(), path, sizeof path) < 0 ? 0 : 5;
              });
          }) == 0);
}

#ifdef POPPASS_LINUX
TEST_CASE("the signal at the parent's end is kept, also where the parent ended meanwhile") {
    if (missing(::geteuid() == 0, "root")) return;
    CHECK(in_child([] {
              ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
              { const auto taken = EffectiveIds::take(bob, bobs, {bobs}); }
              int number = 0;
              ::prctl(PR_GET_PDEATHSIG, &number);
              return number == SIGUSR1 ? 0 : 1;
          }) == 0);
    auto told = make_pipe();
    REQUIRE(told);
    CHECK(in_child([&] {
              const pid_t parent = ::getpid();
              auto ready = make_pipe();
              if (!ready) return 1;
              if (::fork() == 0) {
                  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                  {
                      const auto taken = EffectiveIds::take(bob, bobs, {bobs});
                      (void)!::write(ready->write_end.get(), "x", 1);
                      while (::getppid() == parent) ::usleep(1'000);
                  }
                  (void)!::write(told->write_end.get(), "x", 1);
                  ::_exit(0);
              }
              char byte;
              return ::read(ready->read_end.get(), &byte, 1) == 1 ? 0 : 2;
          }) == 0);
    told->write_end.reset();
    char byte;
    CHECK(::read(told->read_end.get(), &byte, 1) == 0); // it ended and sent nothing
}
#endif

TEST_CASE("the ids are those of every thread") {
    // So no work of another user's may run beside it.
    if (missing(::geteuid() == 0, "root")) return;
    CHECK(in_child([] {
              auto go = make_pipe();
              if (!go) return 1;
              uid_t seen = 0;
              std::thread other{[&] {
                  char byte;
                  (void)!::read(go->read_end.get(), &byte, 1);
                  seen = ::geteuid();
              }};
              const auto taken = EffectiveIds::take(bob, bobs, {bobs});
              (void)!::write(go->write_end.get(), "x", 1);
              other.join();
              return taken && seen == bob ? 0 : 2;
          }) == 0);
}
