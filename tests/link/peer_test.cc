#include "link/peer.hh"

#include "support/program.hh"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

using namespace poppass;
using namespace poppass::test;

namespace {

// Every variable that names the peer, unset, then those of one case set.
class PeerVariables {
public:
    explicit PeerVariables(const std::vector<std::pair<const char*, const char*>>& set) {
        for (const char* const name :
             {"PROTO", "TCPREMOTEIP", "TCP6REMOTEIP", "SSLREMOTEIP", "REMOTEIP", "IPCREMOTEIP",
              "UNIXREMOTEIP", "REMOTE_HOST", "REMOTE_ADDR", "SOCAT_PEERADDR"})
            variables_.emplace_back(std::make_unique<ScopedVariable>(name, std::nullopt));
        for (const auto& [name, value] : set)
            variables_.emplace_back(std::make_unique<ScopedVariable>(name, value));
    }
    ~PeerVariables() {
        while (!variables_.empty()) variables_.pop_back();
    }

private:
    std::vector<std::unique_ptr<ScopedVariable>> variables_;
};

struct Connection {
    Fd client, server;
};

// Two ends of a connection on the loopback, to `to`, from an address of the same kind.
Connection connect_to(const sockaddr* to, socklen_t size) {
    const Fd listener{::socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    Fd client{::socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_storage bound{};
    socklen_t bound_size = sizeof bound;
    auto* const address = reinterpret_cast<sockaddr*>(&bound);
    if (::bind(listener.get(), to, size) != 0 || ::listen(listener.get(), 1) != 0 ||
        ::getsockname(listener.get(), address, &bound_size) != 0 ||
        ::connect(client.get(), address, bound_size) != 0)
        return {};
    Fd server{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    return {std::move(client), std::move(server)};
}

Connection connect_v4() {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(reinterpret_cast<sockaddr*>(&to), sizeof to);
}

Connection connect_v6(const char* address) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, address, &to.sin6_addr);
    return connect_to(reinterpret_cast<sockaddr*>(&to), sizeof to);
}

} // namespace

TEST_CASE("parse_address: addresses, in one form each") {
    struct Case {
        std::string_view text, address;
    };
    for (const auto& [text, address] : {
             Case{"127.0.0.1", "127.0.0.1"},
             Case{"0.0.0.0", "0.0.0.0"},
             Case{"255.255.255.255", "255.255.255.255"},
             Case{"::1", "::1"},
             Case{"::", "::"},
             Case{"[::1]", "::1"},
             Case{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
             Case{"[2001:0db8::0001]", "2001:db8::1"},
             Case{"::ffff:192.0.2.7", "192.0.2.7"},
             Case{"[::FFFF:192.0.2.7]", "192.0.2.7"},
             Case{"::ffff:c000:207", "192.0.2.7"},
             Case{"0:0:0:0:0:ffff:c000:0207", "192.0.2.7"},
             Case{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
         }) {
        CAPTURE(text);
        CHECK(parse_address(text) == std::string{address});
    }
}

TEST_CASE("parse_address: nothing else") {
    for (const std::string& text : {std::string{},
                                    bytes(" "),
                                    bytes("localhost"),
                                    bytes("unknown"),
                                    bytes("example.org"),
                                    bytes("127.0.0"),
                                    bytes("127.0.0.1.1"),
                                    bytes("127.1"),
                                    bytes("2130706433"),
                                    bytes("0x7f.0.0.1"),
                                    bytes("127.0.0.256"),
                                    bytes("127.0.0.01"),
                                    bytes(" 127.0.0.1"),
                                    bytes("127.0.0.1 "),
                                    bytes("127.0.0.1\n"),
                                    bytes("127.0.0.1\0"),
                                    bytes("127.0.0.1:25"),
                                    bytes("127.0.0.1\0x"),
                                    bytes("-127.0.0.1"),
                                    bytes("127.0.0.1/8"),
                                    bytes("127..0.1"),
                                    bytes(":"),
                                    bytes(":::"),
                                    bytes("1::2::3"),
                                    bytes("1:2:3:4:5:6:7:8:9"),
                                    bytes("::g"),
                                    bytes("::12345"),
                                    bytes("fe80::1%eth0"),
                                    bytes("::1]"),
                                    bytes("x::1]"),
                                    bytes("[::1"),
                                    bytes("[]"),
                                    bytes("["),
                                    bytes("]"),
                                    bytes("[[::1]]"),
                                    bytes("[::1]:106"),
                                    bytes("[localhost]"),
                                    bytes("::ffff:127.0.0.256"),
                                    bytes("joe@::1"),
                                    bytes("/run/socket"),
                                    bytes("::1 event=check"),
                                    std::string(100'000, ':'),
                                    std::string(100'000, '1')}) {
        CAPTURE(text.substr(0, 80));
        CHECK_FALSE(parse_address(text));
    }
}

TEST_CASE("is_loopback_address: this machine's own addresses") {
    for (const std::string_view text : {"127.0.0.1", "127.8.9.10", "::1"}) {
        CAPTURE(text);
        CHECK(is_loopback_address(text));
    }
    for (const std::string_view text :
         {"128.0.0.1", "12.7.0.1", "192.0.2.127", "::", "::11", "fe80::1"}) {
        CAPTURE(text);
        CHECK_FALSE(is_loopback_address(text));
    }
}

TEST_CASE("find_peer: the variables, in their order") {
    struct Case {
        std::string_view what;
        std::vector<std::pair<const char*, const char*>> variables;
        std::optional<std::string> peer;
    };
    const Case cases[] = {
        {"nothing", {}, {}},
        {"tcpserver", {{"PROTO", "TCP"}, {"TCPREMOTEIP", "192.0.2.1"}}, "192.0.2.1"},
        {"no PROTO is TCP", {{"TCPREMOTEIP", "192.0.2.1"}}, "192.0.2.1"},
        {"tcpserver -6", {{"PROTO", "TCP6"}, {"TCP6REMOTEIP", "2001:db8::1"}}, "2001:db8::1"},
        {"TCP6 with the names of TCP",
         {{"PROTO", "TCP6"}, {"TCPREMOTEIP", "2001:db8::1"}},
         "2001:db8::1"},
        {"TCP6, its own name first",
         {{"PROTO", "TCP6"}, {"TCPREMOTEIP", "192.0.2.1"}, {"TCP6REMOTEIP", "2001:db8::1"}},
         "2001:db8::1"},
        {"mapped", {{"PROTO", "TCP6"}, {"TCP6REMOTEIP", "::ffff:192.0.2.1"}}, "192.0.2.1"},
        {"sslserver",
         {{"PROTO", "SSL"}, {"SSLREMOTEIP", "192.0.2.1"}, {"TCPREMOTEIP", "192.0.2.2"}},
         "192.0.2.1"},
        {"another PROTO's", {{"PROTO", "IPC"}, {"TCPREMOTEIP", "192.0.2.1"}}, {}},
        {"an empty PROTO", {{"PROTO", ""}, {"TCPREMOTEIP", "192.0.2.1"}}, {}},
        {"unixserver", {{"PROTO", "UNIX"}, {"UNIXREMOTEPID", "12"}}, {}},
        {"xinetd", {{"REMOTE_HOST", "192.0.2.3"}}, "192.0.2.3"},
        {"stunnel", {{"REMOTE_HOST", "2001:db8::3"}}, "2001:db8::3"},
        {"systemd", {{"REMOTE_ADDR", "192.0.2.4"}}, "192.0.2.4"},
        {"socat", {{"SOCAT_PEERADDR", "192.0.2.5"}}, "192.0.2.5"},
        {"socat, brackets",
         {{"SOCAT_PEERADDR", "[2001:0db8:0000:0000:0000:0000:0000:0005]"}},
         "2001:db8::5"},
        {"all of them",
         {{"TCPREMOTEIP", "192.0.2.1"},
          {"REMOTE_HOST", "192.0.2.3"},
          {"REMOTE_ADDR", "192.0.2.4"},
          {"SOCAT_PEERADDR", "192.0.2.5"}},
         "192.0.2.1"},
        {"a host's name is passed over",
         {{"REMOTE_HOST", "pc.example.org"}, {"REMOTE_ADDR", "192.0.2.4"}},
         "192.0.2.4"},
        {"second before third",
         {{"REMOTE_HOST", "192.0.2.3"},
          {"REMOTE_ADDR", "192.0.2.4"},
          {"SOCAT_PEERADDR", "192.0.2.5"}},
         "192.0.2.3"},
        {"third before fourth",
         {{"REMOTE_ADDR", "192.0.2.4"}, {"SOCAT_PEERADDR", "192.0.2.5"}},
         "192.0.2.4"},
        {"bad and empty values are passed over",
         {{"TCPREMOTEIP", "192.0.2.1 result=accepted"},
          {"REMOTE_HOST", ""},
          {"REMOTE_ADDR", "[]"},
          {"SOCAT_PEERADDR", "::1"}},
         "::1"},
        {"nothing but bad values",
         {{"TCPREMOTEIP", "unknown"},
          {"REMOTE_HOST", "unknown"},
          {"REMOTE_ADDR", "-"},
          {"SOCAT_PEERADDR", "/run/socket"}},
         {}},
    };
    for (const auto& [what, variables, peer] : cases) {
        CAPTURE(what);
        const PeerVariables set{variables};
        CHECK(find_peer(-1) == peer);
    }
}

TEST_CASE("find_peer: else the other end of the socket") {
    const PeerVariables none{{}};
    const auto v4 = connect_v4();
    REQUIRE(v4.server);
    CHECK(find_peer(v4.server.get()) == "127.0.0.1");
    SUBCASE("a variable goes before it, a bad one does not") {
        const ScopedVariable set{"TCPREMOTEIP", "192.0.2.1"};
        CHECK(find_peer(v4.server.get()) == "192.0.2.1");
        const ScopedVariable bad{"TCPREMOTEIP", "unknown"};
        CHECK(find_peer(v4.server.get()) == "127.0.0.1");
    }
    SUBCASE("what is no connection has none") {
        auto pipe = make_pipe();
        REQUIRE(pipe);
        const Fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
        const Fd lonely{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const Fd one{ends[0]}, other{ends[1]};
        for (const int fd : {-1, pipe->read_end.get(), null.get(), lonely.get(), one.get()}) {
            CAPTURE(fd);
            CHECK_FALSE(find_peer(fd));
        }
    }
}

TEST_CASE("local_address: ours, whatever the variables say") {
    const PeerVariables set{{{"TCPREMOTEIP", "192.0.2.1"}}};
    const auto v4 = connect_v4();
    REQUIRE(v4.server);
    CHECK(local_address(v4.server.get()) == "127.0.0.1");
    CHECK(local_address(v4.client.get()) == "127.0.0.1");
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const Fd one{ends[0]}, other{ends[1]};
    CHECK_FALSE(local_address(one.get()));
    CHECK_FALSE(local_address(-1));
}

TEST_CASE("find_peer: IPv6 sockets, and IPv4 clients of them") {
    const PeerVariables none{{}};
    const auto v6 = connect_v6("::1");
    if (missing(static_cast<bool>(v6.server), "IPv6 on the loopback")) return;
    CHECK(find_peer(v6.server.get()) == "::1");
    const auto mapped = connect_v6("::ffff:127.0.0.1");
    REQUIRE(mapped.server);
    CHECK(find_peer(mapped.server.get()) == "127.0.0.1");
}
