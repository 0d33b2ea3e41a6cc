// poppass under a real super-server, and on real TCP sockets.
#include "support/conversation.hh"
#include "support/program.hh"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>

using namespace poppass::test;

namespace {

const std::string greeting = "200 test.example hello, who are you?\r\n";
const std::string good_session = greeting + "200 Your password please.\r\n"
                                            "200 Your new password please.\r\n"
                                            "200 Password changed, thank-you.\r\n"
                                            "200 Bye.\r\n";

bool has_tcpserver() {
    for (const char* const path : {"/usr/bin/tcpserver", "/usr/local/bin/tcpserver"})
        if (::access(path, X_OK) == 0) return true;
    return false;
}

union Address {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    socklen_t size() const { return any.sa_family == AF_INET ? sizeof v4 : sizeof v6; }
};

Address loopback(int family, int port) {
    Address address{};
    address.any.sa_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
        address.v4.sin_port = htons(static_cast<std::uint16_t>(port));
        address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        address.v6.sin6_port = htons(static_cast<std::uint16_t>(port));
        address.v6.sin6_addr = in6addr_loopback;
    }
    return address;
}

poppass::Fd connect_to(int family, int port) {
    poppass::Fd fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = loopback(family, port);
    if (::connect(fd.get(), &address.any, address.size()) != 0) return {};
    return fd;
}

// Reads until the end, or until `text` has come.
std::string read_until(const poppass::Fd& fd, const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    std::string all;
    while (text.empty() || all.find(text) == all.npos) {
        const auto left =
            std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now())
                .count();
        pollfd in{fd.get(), POLLIN, 0};
        if (left <= 0 || ::poll(&in, 1, static_cast<int>(left)) != 1) return all + "(too late)";
        char block[4096];
        const auto n = ::read(fd.get(), block, sizeof block);
        if (n < 0) return all + "(reset)";
        if (n == 0) return all;
        all.append(block, static_cast<std::size_t>(n));
    }
    return all;
}

void send(const poppass::Fd& fd, const std::string& bytes) {
    (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

// tcpserver on a port that it chooses, with poppass.
class Server {
public:
    explicit Server(const Service& service) : process_{program(service)} {
        if (!process_.run_until_out("\n")) throw std::runtime_error{"no port: " + process_.err()};
        port_ = std::stoi(process_.out());
    }

    poppass::Fd connect() const { return connect_to(AF_INET, port_); }
    bool log_has(const std::string& text, long times) {
        return process_.run_until([&] { return count(text) >= times; }, milliseconds{20'000});
    }
    long count(const std::string& text) const {
        long found = 0;
        for (std::size_t at = 0; (at = log().find(text, at)) != std::string::npos;
             at += text.size())
            ++found;
        return found;
    }
    const std::string& log() const { return process_.err(); }
    std::string end() {
        process_.signal(SIGTERM);
        return process_.wait().err;
    }

private:
    static Program program(const Service& service) {
        Program program{.argv = {"tcpserver", "-1HRl0", "-c100", "-b100", "127.0.0.1", "0",
                                 built("poppass"), service.host}};
        program.argv.insert(program.argv.end(), service.check.begin(), service.check.end());
        program.environment = {{"PASSWORD_COMMAND", service.change},
                               {"POPPASS_DELAY", "0"},
                               {"UID", std::nullopt},
                               {"GID", std::nullopt}};
        for (const auto& [name, value] : service.environment) program.environment[name] = value;
        program.timeout = milliseconds{60'000};
        return program;
    }

    Process process_;
    int port_ = 0;
};

} // namespace

TEST_CASE("tcpserver: a whole conversation, and the log") {
    if (missing(has_tcpserver(), "tcpserver (Debian: ucspi-tcp)")) return;
    TemporaryDirectory directory;
    Server server{{.check = fixture({"record", directory.file("checks")}),
                   .change = quoted(fixture({"record", directory.file("changes")}))}};
    const auto client = server.connect();
    REQUIRE(client);
    CHECK(read_until(client, "\n") == greeting);
    send(client, "user joe\r\n");
    CHECK(read_until(client, "\n") == "200 Your password please.\r\n");
    send(client, "pass 0ld-s3cret\r\n");
    CHECK(read_until(client, "\n") == "200 Your new password please.\r\n");
    send(client, "newpass n3w-s3cret\r\n");
    CHECK(read_until(client, "\n") == "200 Password changed, thank-you.\r\n");
    send(client, "quit\r\n");
    CHECK(read_until(client, "") == "200 Bye.\r\n");
    ::shutdown(client.get(), SHUT_RDWR);
    CHECK(server.log_has("event=end result=quit ip=127.0.0.1 ", 1));
    CHECK(server.count("event=check result=accepted user=joe ip=127.0.0.1 ") == 1);
    CHECK(server.count("event=change result=changed user=joe ip=127.0.0.1 ") == 1);
    CHECK(server.count("s3cret") == 0);
    CHECK(read_file(directory.file("checks")) == bytes("joe\0"
                                                       "0ld-s3cret\0\0\0"));
    CHECK(read_file(directory.file("changes")) == bytes("joe\0"
                                                        "0ld-s3cret\0\0n3w-s3cret\0"));
}

TEST_CASE("tcpserver: 50 sessions at once, each with its own records") {
    if (missing(has_tcpserver(), "tcpserver (Debian: ucspi-tcp)")) return;
    TemporaryDirectory directory;
    Server server{
        {.check = fixture({"sleep", "50", "record", directory.file("checks")}),
         .change = quoted(fixture({"sleep", "50", "record", directory.file("changes")}))}};
    constexpr int many = 50;
    std::deque<poppass::Fd> clients;
    for (int i = 0; i < many; ++i) {
        clients.push_back(server.connect());
        REQUIRE(clients.back());
    }
    // No client has sent anything yet, so all of them are connected at the same time.
    for (const auto& client : clients) CHECK(read_until(client, "\n") == greeting);
    const auto name = [](int i) { return "user-" + std::to_string(1000 + i); };
    for (int i = 0; i < many; ++i)
        send(clients[static_cast<std::size_t>(i)],
             "user " + name(i) + "\npass old-" + name(i) + "\nnewpass new-" + name(i) + "\nquit\n");
    for (const auto& client : clients) CHECK(greeting + read_until(client, "") == good_session);
    clients.clear();
    CHECK(server.log_has("event=end result=quit ip=127.0.0.1 ", many));
    const auto checks = read_file(directory.file("checks"));
    const auto changes = read_file(directory.file("changes"));
    for (int i = 0; i < many; ++i) {
        CAPTURE(i);
        CHECK(server.count("event=change result=changed user=" + name(i) + " ip=127.0.0.1 ") == 1);
        CHECK(checks.find(name(i) + bytes("\0old-") + name(i) + bytes("\0\0\0")) != checks.npos);
        CHECK(changes.find(name(i) + bytes("\0old-") + name(i) + bytes("\0\0new-") + name(i) +
                           bytes("\0")) != changes.npos);
    }
    CHECK(server.count("old-") + server.count("new-") == 0);
    // Each line is whole, even if many processes write at the same time.
    std::size_t begin = 0;
    for (std::size_t end; (end = server.log().find('\n', begin)) != std::string::npos;
         begin = end + 1)
        CHECK(server.log().compare(begin, 6, "event=") == 0);
}

TEST_CASE("tcpserver: a client that resets its connection, at any point") {
    if (missing(has_tcpserver(), "tcpserver (Debian: ucspi-tcp)")) return;
    Server server{{}};
    long ends = 0;
    for (const std::string lines : {"", "us", "user joe\n", "user joe\npass old\n",
                                    "user joe\npass old\nnewpass new\n", "what\nwhat\nwhat\n"})
        for (const bool greeted : {false, true}) {
            CAPTURE(lines);
            auto client = server.connect();
            REQUIRE(client);
            if (greeted) CHECK(read_until(client, "\n") == greeting);
            send(client, lines);
            const linger reset{1, 0};
            ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            client.reset();
            CHECK(server.log_has("event=end result=vanished ", ++ends));
        }
}

TEST_CASE("tcpserver: the last reply is not lost, whatever the client still sends") {
    if (missing(has_tcpserver(), "tcpserver (Debian: ucspi-tcp)")) return;
    Service service{.check = fixture({"exit", "1"})};
    service.environment["POPPASS_TRIES"] = "1";
    Server server{service};
    for (int round = 0; round < 20; ++round) {
        const auto client = server.connect();
        REQUIRE(client);
        std::string lines = "user joe\npass wrong\n";
        for (int i = 0; i < 1000; ++i) lines += "newpass on its way\n";
        send(client, lines);
        CHECK(read_until(client, "") ==
              greeting + "200 Your password please.\r\n"
                         "500 Old password is incorrect. Too many tries, good-bye.\r\n");
    }
    // The same for a set-up that cannot work.
    Server broken{{.change = "no-such-program-here"}};
    for (int round = 0; round < 20; ++round) {
        const auto client = broken.connect();
        REQUIRE(client);
        send(client, "user joe\npass old\nnewpass new\nquit\n");
        CHECK(read_until(client, "") == "500 Temporary failure: server trouble, good-bye.\r\n");
    }
}

TEST_CASE("without a super-server's variables the peer is the socket's, over IPv4 and IPv6") {
    for (const int family : {AF_INET, AF_INET6}) {
        const poppass::Fd listener{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        auto address = loopback(family, 0);
        socklen_t size = address.size();
        const bool have = listener && ::bind(listener.get(), &address.any, size) == 0 &&
                          ::listen(listener.get(), 1) == 0 &&
                          ::getsockname(listener.get(), &address.any, &size) == 0;
        if (missing(have, family == AF_INET ? "IPv4" : "IPv6")) continue;
        const int port = ntohs(family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
        const auto client = connect_to(family, port);
        REQUIRE(client);
        const poppass::Fd server{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        TemporaryDirectory directory;
        Environment environment{{"PASSWORD_COMMAND", quoted(fixture())},
                                {"NEXT_LINK_OUT", directory.file("report")},
                                {"POPPASS_DELAY", "0"}};
        for (const char* const name :
             {"PROTO", "TCPREMOTEIP", "REMOTE_HOST", "REMOTE_ADDR", "SOCAT_PEERADDR", "UID", "GID"})
            environment[name] = std::nullopt;
        Process process{{.argv = {built("poppass"), "test.example", built("next-link"), "0"},
                         .environment = environment,
                         .descriptors = {{0, server.get()}, {1, server.get()}}}};
        send(client, "user joe\npass old\nnewpass new\nquit\n");
        CHECK(read_until(client, "200 Bye.\r\n") == good_session);
        ::shutdown(client.get(), SHUT_RDWR);
        const std::string wanted = family == AF_INET ? "127.0.0.1" : "::1";
        CHECK(process.wait().err.find(" user=joe ip=" + wanted + " ") != std::string::npos);
        const auto link = parse_next_link(read_file(directory.file("report")));
        REQUIRE(link.environment.contains("TCPREMOTEIP"));
        CHECK(link.environment.at("TCPREMOTEIP") == wanted);
    }
}
