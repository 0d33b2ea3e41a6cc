// The load of scripts/bench: clients of a poppassd service on loopback, and the starting of
// programs.
//     bench_load sessions PORT COUNT AT-ONCE USER OLD NEW
//         runs whole sessions, each with a change
//     bench_load idle PORT COUNT
//         holds connections that say nothing, until input ends
//     bench_load run COUNT RECORD PROGRAM [ARG...]
//         runs a program COUNT times, with the file RECORD on descriptor 3
//
// Prints the seconds that it took; `run` also prints the CPU seconds, and the peak memory of a run
// in kB. Any reply but 200 and any status but 0 is an error that ends it.
#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "bench_load: %s\n", what.c_str());
    std::exit(1);
}

[[noreturn]] void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

double now() {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

class Connection {
public:
    explicit Connection(int port) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            fail_errno("connect");
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        expect_200();
    }
    Connection(Connection&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Connection(const Connection&) = delete;
    ~Connection() {
        if (fd_ >= 0) ::close(fd_);
    }

    void say(const std::string& line) {
        const auto text = line + "\r\n";
        if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(text.size()))
            fail_errno("send");
        expect_200();
    }

private:
    void expect_200() {
        std::string reply;
        char bytes[512];
        while (!reply.ends_with('\n')) {
            const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
            if (n <= 0) fail("no reply");
            reply.append(bytes, static_cast<std::size_t>(n));
        }
        if (!reply.starts_with("200")) fail("the reply was: " + reply);
    }

    int fd_;
};

int number(const char* text) { return std::atoi(text); }

void run_sessions(char** argument) {
    const int port = number(argument[0]), count = number(argument[1]),
              at_once = number(argument[2]);
    const std::string user = argument[3];
    for (int client = 0; client < at_once; ++client) {
        if (::fork() != 0) continue;
        std::string old = argument[4], fresh = argument[5];
        for (int i = client; i < count; i += at_once) {
            Connection connection{port};
            connection.say("user " + user);
            connection.say("pass " + old);
            connection.say("newpass " + fresh);
            connection.say("quit");
            std::swap(old, fresh);
        }
        std::exit(0);
    }
    for (int client = 0; client < at_once; ++client) {
        int status = 0;
        if (::wait(&status) < 0 || status != 0) fail("a client failed");
    }
}

void hold_idle(char** argument) {
    std::vector<Connection> connections;
    for (int i = 0; i < number(argument[1]); ++i) connections.emplace_back(number(argument[0]));
    std::puts("ready");
    std::fflush(stdout);
    while (std::getchar() != EOF) {}
}

void run_programs(char** argument) {
    const int record = ::open(argument[1], O_RDONLY | O_CLOEXEC);
    if (record < 0) fail_errno(argument[1]);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < number(argument[0]); ++i) {
        ::lseek(record, 0, SEEK_SET);
        const pid_t pid = ::vfork();
        if (pid == 0) {
            ::dup2(null, 0);
            ::dup2(null, 1);
            if (record == 3)
                ::fcntl(3, F_SETFD, 0);
            else
                ::dup2(record, 3);
            ::execv(argument[2], argument + 2);
            ::_exit(127);
        }
        int status = 0;
        if (::waitpid(pid, &status, 0) != pid || status != 0)
            fail(std::string{argument[2]} + " failed");
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc < 2 ? "" : argv[1];
    const double begin = now();
    if (mode == "sessions" && argc == 8)
        run_sessions(argv + 2);
    else if (mode == "idle" && argc == 4)
        hold_idle(argv + 2);
    else if (mode == "run" && argc >= 5)
        run_programs(argv + 2);
    else
        fail("usage: bench_load sessions|idle|run ...");
    std::printf("%.6f", now() - begin);
    if (mode == "run") {
        rusage used{};
        ::getrusage(RUSAGE_CHILDREN, &used);
        const auto seconds = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        std::printf(" %.6f %ld", seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss);
    }
    std::puts("");
}
