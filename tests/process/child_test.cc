#include "process/child.hh"

#include "base/fd.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <thread>

using namespace poppass;
using namespace poppass::test;
using std::chrono::seconds;

namespace {

using How = ChildEnd::How;
using Clock = std::chrono::steady_clock;

struct Ran {
    ChildEnd end;
    std::string out;
    std::string err;
    Clock::duration took;
};

// How long after SIGTERM a test waits for SIGKILL: at once, or longer than its suite may take,
// where SIGTERM must be enough.
constexpr milliseconds short_grace{100};
constexpr milliseconds endless_grace{1'000'000};

enum class Errors { inherited, taken };

// A limit that is meant to be passed; a shell on a busy machine has begun by then.
constexpr seconds soon{2};

Ran run_words(std::vector<std::string> words, std::string_view record = "record",
              seconds limit = seconds{20}, Errors errors = Errors::inherited,
              const std::function<void(Child&)>& change = {}) {
    // Descriptors that the caller of the tests has left open must not reach the child.
    ::close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    prepare_for_children();
    Secret secret{513};
    REQUIRE(secret.assign({record}));
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    Ran ran{};
    Child child{.path = words[0],
                .argv = argv.data(),
                .record = &secret,
                .limit = limit,
                .output = [&](std::string_view bytes) { ran.out += bytes; },
                .errors = {}};
    if (errors == Errors::taken) child.errors = [&](std::string_view bytes) { ran.err += bytes; };
    if (change) change(child);
    const auto before = Clock::now();
    ran.end = run_child(child);
    ran.took = Clock::now() - before;
    return ran;
}

Ran run_script(std::string script, seconds limit = seconds{20}, Errors errors = Errors::inherited,
               milliseconds grace = endless_grace) {
    return run_words({"/bin/sh", "-c", std::move(script)}, "record", limit, errors,
                     [&](Child& child) { child.grace = grace; });
}

NextLink run_next_link(Errors errors = Errors::inherited) {
    const auto ran = run_words({built("next-link")}, bytes("joe\0pass\0\0\0"), seconds{20}, errors);
    CHECK(ran.end.how == How::exited);
    CHECK(ran.err == "");
    return parse_next_link(ran.out);
}

int count_descriptors() {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) != -1 ? 1 : 0;
    return count;
}

} // namespace

TEST_CASE("every exit status is returned") {
    for (int status = 0; status <= 255; ++status) {
        CAPTURE(status);
        const auto ran = run_words({built("next-link"), std::to_string(status)});
        CHECK(ran.end.how == How::exited);
        CHECK(ran.end.value == status);
        CHECK(ran.end.pid > 0);
        CHECK(has_ended(ran.end.pid, milliseconds{0}));
    }
}

TEST_CASE("a child that a signal ended did not exit") {
    for (const int number : {SIGKILL, SIGSEGV, SIGTERM, SIGPIPE, SIGHUP, SIGABRT, SIGXCPU}) {
        CAPTURE(number);
        const auto ran = run_script("kill -" + std::to_string(number) + " $$; sleep 1000");
        CHECK(ran.end.how == How::killed);
        CHECK(ran.end.value == number);
    }
}

TEST_CASE("the record is on descriptor 3, output comes back, and nothing else is open") {
    const Fd leaky{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    for (const auto errors : {Errors::inherited, Errors::taken}) {
        const auto link = run_next_link(errors);
        CHECK(link.ran);
        CHECK(link.argv == std::vector{built("next-link")});
        CHECK(link.record == bytes("joe\0pass\0\0\0"));
        CHECK(link.descriptors == std::vector{0, 1, 2, 3});
    }
}

TEST_CASE("the same with descriptor 3 taken or free in the parent") {
    for (const bool taken : {false, true}) {
        CAPTURE(taken);
        const Fd other{::fcntl(0, F_DUPFD_CLOEXEC, 10)};
        const Fd before{::fcntl(3, F_DUPFD_CLOEXEC, 100)};
        if (taken)
            ::dup3(other.get(), 3, O_CLOEXEC);
        else
            ::close(3);
        const auto link = run_next_link(Errors::taken);
        if (before) ::dup3(before.get(), 3, O_CLOEXEC);
        CHECK(link.record == bytes("joe\0pass\0\0\0"));
        CHECK(link.descriptors == std::vector{0, 1, 2, 3});
    }
}

TEST_CASE("records of every size arrive whole") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}}) {
        CAPTURE(size);
        const std::string record(size, 'r');
        const auto ran = run_words({"/bin/sh", "-c", "cat <&3"}, record);
        CHECK(ran.end.value == 0);
        CHECK(ran.out == record);
    }
}

TEST_CASE("without a record descriptor 3 is closed") {
    const auto ran = run_words({built("next-link")}, "record", seconds{20}, Errors::taken,
                               [](Child& child) { child.record = nullptr; });
    const auto link = parse_next_link(ran.out);
    CHECK(link.ran);
    CHECK_FALSE(link.record);
    CHECK(link.descriptors == std::vector{0, 1, 2});
}

TEST_CASE("a child with an environment of its own gets nothing else") {
    char variable[] = "WORD=a b";
    char* environment[] = {variable, nullptr};
    const auto ran = run_words({built("next-link")}, "record", seconds{20}, Errors::taken,
                               [&](Child& child) { child.environment = environment; });
    CHECK(parse_next_link(ran.out).environment ==
          std::map<std::string, std::string>{{"WORD", "a b"}});
    const ScopedVariable ours{"POPPASS_TEST_WORD", "ours"};
    CHECK(run_next_link().environment.at("POPPASS_TEST_WORD") == "ours");
}

TEST_CASE("where nobody takes its output, it inherits descriptor 1") {
    const TemporaryDirectory directory;
    const auto path = directory.file("out");
    const auto status = in_child([&] {
        const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
        ::dup2(file.get(), 1);
        const auto ran = run_words({built("next-link"), "6"}, "record", seconds{20}, Errors::taken,
                                   [](Child& child) { child.output = {}; });
        return ran.out.empty() ? ran.end.value : 99;
    });
    CHECK(status == 6);
    CHECK(parse_next_link(read_file(path)).descriptors == std::vector{0, 1, 2, 3});
}

TEST_CASE("as another user it has that uid and gid, and no other groups") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    const auto program = reachable("next-link", directory);
    const auto run_as_somebody = [&] {
        return run_words({program}, "record", seconds{20}, Errors::taken, [](Child& child) {
            child.identity = Identity{64'001, 64'002};
        });
    };
    const auto link = parse_next_link(run_as_somebody().out);
    CHECK(link.uids == std::vector<uid_t>(3, 64'001));
    CHECK(link.gids == std::vector<gid_t>(3, 64'002));
    CHECK(link.groups.empty());
    CHECK(link.record == "record");
    // A program that this account may not run is not run with our ids either.
    REQUIRE(::chmod(program.c_str(), 0700) == 0);
    const auto refused = run_as_somebody().end;
    CHECK(refused.how == How::not_started);
    CHECK(refused.value == EACCES);
    CHECK(in_child([&] {
              if (::setresuid(64'003, 64'003, 64'003) != 0) return 1;
              const auto end = run_as_somebody().end;
              return end.how == How::not_started && end.value == EPERM ? 0 : 2;
          }) == 0);
}

TEST_CASE("with ids that would leave it root, nothing is started") {
    if (missing(::geteuid() == 0, "root")) return;
    for (const Identity& identity : {Identity{0, 64'002}, Identity{static_cast<uid_t>(-1), 64'002},
                                     Identity{64'001, static_cast<gid_t>(-1)}}) {
        const auto ran = run_words({built("next-link")}, "record", seconds{20}, Errors::taken,
                                   [&](Child& child) { child.identity = identity; });
        CHECK(ran.end.how == How::not_started);
        CHECK(ran.end.value == EPERM);
        CHECK(ran.out == "");
    }
}

TEST_CASE("a process group of its own, no core dumps, default signals, none blocked") {
    // The worst state of signals that a parent can hand on.
    std::map<int, struct sigaction> before;
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (const int number :
         {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD})
        ::sigaction(number, &ignore, &before[number]);
    sigset_t all, mask;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &mask);
    const auto link = run_next_link();
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    for (const auto& [number, action] : before) {
        ::sigaction(number, &action, nullptr);
        for (const int ignored : link.ignored) CHECK(ignored != number);
    }

    CHECK(link.own_group);
    CHECK(link.core_limit == "0 0");
    CHECK(link.blocked == std::vector<int>{});
}

TEST_CASE("a parent that ignored SIGCHLD gets statuses") {
    ::signal(SIGCHLD, SIG_IGN);
    const auto ran = run_words({built("next-link"), "5"});
    CHECK(ran.end.how == How::exited);
    CHECK(ran.end.value == 5);
    // From the first child on it is blocked, so that none comes before somebody waits for it.
    sigset_t blocked;
    ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
    CHECK(::sigismember(&blocked, SIGCHLD) == 1);
}

TEST_CASE("ten megabytes of output, and as much of errors") {
    const auto ran = run_script("head -c 10000000 /dev/zero | tee /dev/stderr; exit 6", seconds{20},
                                Errors::taken);
    CHECK(ran.end.how == How::exited);
    CHECK(ran.end.value == 6);
    CHECK(ran.out == std::string(10'000'000, '\0'));
    CHECK(ran.err.size() == 10'000'000);
}

TEST_CASE("its last output is not lost") {
    for (int round = 0; round < 50; ++round) {
        const auto ran = run_script("head -c 65536 /dev/zero"); // as much as a pipe holds
        REQUIRE(ran.out.size() == 65'536);
    }
}

TEST_CASE("a child that closes its descriptors unread does no harm") {
    auto ran = run_script("exec 3<&- 0<&- 1>&- 2>&-; exit 8", seconds{20}, Errors::taken);
    CHECK(ran.end.how == How::exited);
    CHECK(ran.end.value == 8);
    // Nobody spins or waits for an end of file meanwhile.
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    ran = run_script("exec 1>&- 2>&-; sleep 0.5; exit 9", seconds{20}, Errors::taken);
    ::getrusage(RUSAGE_SELF, &after);
    CHECK(ran.end.value == 9);
    const auto busy = [](const rusage& use) {
        return use.ru_utime.tv_sec * 1000 + use.ru_utime.tv_usec / 1000 +
               use.ru_stime.tv_sec * 1000 + use.ru_stime.tv_usec / 1000;
    };
    CHECK(busy(after) - busy(before) < 200);
}

TEST_CASE("a child that does not end gets SIGTERM at its limit") {
    const auto ran = run_script("echo begun; exec sleep 1000", soon);
    CHECK(ran.end.how == How::overtime);
    CHECK(ran.end.pid > 0);
    CHECK(ran.out == "begun\n");
    CHECK(ran.took >= soon);
    CHECK(has_ended(ran.end.pid, milliseconds{0}));
}

TEST_CASE("a child that exits with 0 after SIGTERM counts as overtime, too") {
    const auto ran = run_script("trap 'echo told; exit 0' TERM; while :; do sleep 0.05; done", soon,
                                Errors::taken); // the shell reports the end of its sleep
    CHECK(ran.end.how == How::overtime);
    CHECK(ran.out == "told\n");
}

TEST_CASE("the whole process group gets SIGTERM") {
    const auto ran =
        run_script("sh -c 'trap \"echo member; exit\" TERM; while :; do sleep 0.05; done' &\n"
                   "trap 'echo leader' TERM; wait; wait",
                   soon, Errors::taken);
    CHECK(ran.end.how == How::overtime);
    CHECK(ran.out.find("leader\n") != std::string::npos);
    CHECK(ran.out.find("member\n") != std::string::npos);
}

TEST_CASE("a child that writes without end is ended at its limit, too") {
    const auto ran = run_script("exec yes", soon);
    CHECK(ran.end.how == How::overtime);
}

TEST_CASE("a child that ignores SIGTERM and stops itself is killed after the grace") {
    const auto ran = run_script("trap '' TERM; sleep 1000 & echo $!; kill -STOP $$", soon,
                                Errors::inherited, short_grace);
    CHECK(ran.end.how == How::overtime);
    CHECK(ran.took >= soon + short_grace);
    CHECK(has_ended(ran.end.pid, milliseconds{0}));
    CHECK(has_ended(std::stoi(ran.out)));
}

// The system call that a killed process is in may never end, where a user serves a file system or
// holds a lock of the kernel. Here a tracer that does not wait for it keeps it from ending.
TEST_CASE("a child that does not even end when it is killed delays nobody") {
    const TemporaryDirectory directory;
    const auto fifo = directory.file("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const pid_t tracer = ::fork();
    if (tracer == 0) {
        char number[16]{};
        ::alarm(60);
        const int fd = ::open(fifo.c_str(), O_RDONLY);
        if (::read(fd, number, sizeof number - 1) > 0)
            ::ptrace(PTRACE_SEIZE, std::atoi(number), nullptr, nullptr);
        ::close(fd);
        for (;;) ::pause();
    }
    const auto ran =
        run_script("echo $$ >" + fifo + "; exec sleep 1000", soon, Errors::inherited, short_grace);
    CHECK(ran.end.how == How::overtime);
    CHECK(::kill(tracer, SIGKILL) == 0);
    CHECK(::waitpid(tracer, nullptr, 0) == tracer);
    CHECK(ran.took < seconds{30}); // the tracer would hold it for a minute
    CHECK(has_ended(ran.end.pid));
    CHECK(::waitpid(ran.end.pid, nullptr, 0) == ran.end.pid);
}

TEST_CASE("processes that it leaves in its group delay nobody and are killed") {
    const auto ran = run_script("sleep 1000 & echo $!; exit 4");
    CHECK(ran.end.how == How::exited);
    CHECK(ran.end.value == 4);
    CHECK(has_ended(std::stoi(ran.out)));
}

TEST_CASE("a process that left its group delays nobody either, however much it writes") {
    const TemporaryDirectory directory;
    const auto fifo = directory.file("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const auto ran = run_script("setsid sh -c 'echo $$; echo left >" + fifo + "; exec yes' &\n" +
                                "read word <" + fifo + "; exit 4");
    CHECK(ran.end.how == How::exited);
    CHECK(ran.end.value == 4);
    // It outlived its leader, and ends when it writes to the pipe that nobody reads.
    CHECK(has_ended(std::stoi(ran.out)));
}

TEST_CASE("a program that cannot be started says why, and no part of it ran") {
    const TemporaryDirectory directory;
    write_unrunnable_files(directory);
    struct Case {
        std::string path;
        int error;
    };
    for (const auto& [path, error] : {
             Case{directory.file("nothing"), ENOENT},
             Case{directory.file("no-interpreter"), ENOENT},
             Case{directory.file("no-program"), ENOEXEC},
             Case{directory.file("not-executable"), EACCES},
             Case{directory.path(), EACCES},
             Case{"", ENOENT},
         }) {
        CAPTURE(path);
        const auto ran = run_words({path});
        CHECK(ran.end.how == How::not_started);
        CHECK(ran.end.value == error);
        CHECK(ran.end.pid == 0);
        CHECK(ran.out == "");
    }
}

TEST_CASE("as another user it holds nobody up, even if that user stops it before it is a program") {
    if (missing(::geteuid() == 0, "root")) return;
    // A large environment takes the kernel a while to copy.
    std::string variable = "X=" + std::string(100'000, 'x');
    std::vector<char*> environment(15, variable.data());
    environment.push_back(nullptr);
    for (int round = 0; round < 5; ++round) {
        std::atomic<bool> over = false, held_up = false;
        std::thread stopper{[&] {
            const auto children = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
            std::string child;
            while (!over && child.empty()) child = read_file(children);
            if (child.empty()) return;
            ::kill(std::stoi(child), SIGSTOP);
            const auto late = Clock::now() + seconds{15};
            while (!over && Clock::now() < late) std::this_thread::sleep_for(milliseconds{10});
            held_up = !over;
            if (held_up) ::kill(std::stoi(child), SIGKILL);
        }};
        const auto ran =
            run_words({"/bin/sleep", "0"}, "record", seconds{1}, Errors::taken, [&](Child& child) {
                child.identity = Identity{64'001, 64'002};
                child.grace = short_grace;
                child.environment = environment.data();
            });
        over = true;
        stopper.join();
        CHECK_FALSE(held_up);
        CHECK((ran.end.how == How::overtime || ran.end.how == How::exited));
    }
}

TEST_CASE("where no descriptor or process can be had, nothing is started") {
    const auto status = in_child([] {
        const rlimit few{5, 5};
        ::setrlimit(RLIMIT_NOFILE, &few);
        const auto ran = run_words({"/bin/true"});
        return ran.end.how == How::not_started && ran.end.value == EMFILE ? 0 : 1;
    });
    CHECK(status == 0);
    if (missing(::geteuid() == 0, "root")) return;
    const auto forkless = in_child([] {
        // A number that no other process has, so that the limit counts nobody else's.
        const uid_t lonely = 64'321;
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setresuid(lonely, lonely, lonely) != 0)
            return 1;
        const auto ran = run_words({"/bin/true"});
        return ran.end.how == How::not_started && ran.end.value == EAGAIN ? 0 : 2;
    });
    CHECK(forkless == 0);
}

TEST_CASE("signals to the parent do not disturb it") {
    struct sigaction act {};
    struct sigaction before {};
    act.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &act, &before);
    const itimerval often{{0, 500}, {0, 500}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    const auto ran = run_script("head -c 1000000 /dev/zero; sleep 0.2; exit 3");
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    CHECK(ran.end.how == How::exited);
    CHECK(ran.end.value == 3);
    CHECK(ran.out.size() == 1'000'000);
}

TEST_CASE("run_child keeps neither descriptors nor zombies") {
    const int before = count_descriptors();
    (void)run_script("exit 0", seconds{20}, Errors::taken);
    (void)run_words({"/nonexistent/program"});
    (void)run_script("sleep 1000 & exit 0");
    CHECK(count_descriptors() == before);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("a child that ended before anybody waited is not missed") {
    for (int round = 0; round < 200; ++round) {
        const auto ran = run_words({built("next-link"), "1"});
        REQUIRE(ran.end.how == How::exited);
    }
}
