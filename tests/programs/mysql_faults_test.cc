// checkpw-mysql and setpw-mysql with servers that make the faults which a real one does not make.
#include "support/odd_server.hh"
#include "support/sql_users.hh"

#include <chrono>
#include <doctest/doctest.h>
#include <functional>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace poppass::test;

namespace {

constexpr int long_ms = 60'000;
constexpr char says_ok = 0, says_eof = '\xfe';
constexpr char query = 0x03, prepare = 0x16, execute = 0x17; // commands
const std::string ok = bytes("\0\0\0\2\0\0\0"), eof = says_eof + bytes("\0\0\2\0");

std::string number(std::size_t value, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

// A text with its length before it.
std::string text(const std::string& value) {
    if (value.size() < 251) return static_cast<char>(value.size()) + value;
    return '\xfd' + number(value.size(), 3) + value;
}

std::string column(const std::string& name) {
    return text("def") + bytes("\0\0\0") + text(name) + text(name) +
           bytes("\x0c\x2d\0\xfc\3\0\0\xfd\0\0\0\0\0");
}

// One connection of a client, in the protocol of MariaDB.
class Client {
public:
    Client(poppass::Fd fd, int stop) : fd_(std::move(fd)), stop_(stop) {}

    // False when the client has gone, or the test is over.
    bool send(const std::string& message) {
        return send_raw(number(message.size(), 3) + static_cast<char>(turn_++) + message);
    }
    bool send_raw(const std::string& raw) {
        for (std::string_view rest = raw; !rest.empty();) {
            const auto n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n > 0)
                rest.remove_prefix(static_cast<std::size_t>(n));
            else if (errno != EAGAIN || first_ready({stop_}, 1))
                return false;
        }
        return true;
    }
    bool greet(bool tls = false) {
        return send(bytes("\x0a") + "5.5.5-10.11.6-MariaDB" + bytes("\0\7\0\0\0abcdefgh\0\xdf") +
                    (tls ? '\xff' : '\xf7') + bytes("\x2d\2\0\x1f\x80\x15") +
                    std::string(10, '\0') + bytes("ijklmnopqrst\0mysql_native_password\0"));
    }
    // A whole message; empty when the client has gone.
    std::string receive() {
        const std::string head = read(4);
        if (head.size() != 4) return {};
        const auto at = [&head](int i) { return static_cast<unsigned char>(head[i]); };
        turn_ = at(3) + 1;
        return read(at(0) | static_cast<std::size_t>(at(1)) << 8);
    }
    bool wait(int limit_ms) { return first_ready({stop_}, limit_ms) == std::nullopt; }
    void be_mute() { (void)first_ready({stop_, fd_.get()}, long_ms); }

    // As a server that has two columns for each statement; `answer` is its answer to EXECUTE.
    void serve(const std::function<void(Client&)>& answer) {
        if (!greet() || receive().empty() || !send(ok)) return;
        for (std::string command; !(command = receive()).empty();) {
            if (command[0] == query) send(ok);
            if (command[0] == execute) answer(*this);
            if (command[0] != prepare) continue;
            send(says_ok + number(1, 4) + number(2, 2) + number(1, 2) + bytes("\0\0\0"));
            for (const auto& part : {column("p"), eof, column("login"), column("hash"), eof})
                send(part);
        }
    }

private:
    std::string read(std::size_t size) {
        std::string all;
        while (all.size() < size && first_ready({stop_, fd_.get()}, long_ms) == 1U) {
            char block[4096];
            const auto n = ::read(fd_.get(), block, std::min(size - all.size(), sizeof block));
            if (n <= 0) break;
            all.append(block, static_cast<std::size_t>(n));
        }
        return all;
    }

    poppass::Fd fd_;
    int stop_;
    unsigned turn_ = 0;
};

// The server of a test, which talks to each client so.
std::function<void(poppass::Fd, int)> with_client(std::function<void(Client&)> talk) {
    return [talk = std::move(talk)](poppass::Fd fd, int stop) {
        Client client{std::move(fd), stop};
        talk(client);
    };
}

struct Users : SqlUsers {
    Users() : SqlUsers("mysql") {
        user_query = "SELECT email AS login, password AS hash FROM users WHERE email = :login";
    }
    std::vector<std::string> sql(const std::string&) const override { return {}; }

    // Runs a check with a time-out of one second.
    Outcome check_at(const FakeServer& server, const std::string& host = "127.0.0.1") const {
        // A server of check_hosts is not asked whether it takes writes.
        const std::string at = host + ":" + std::to_string(server.port());
        write_settings("host=" + at + " user=links dbname=mail",
                       "timeout = 1\ncheck_hosts = " + at + "\n");
        const auto began = std::chrono::steady_clock::now();
        const auto outcome = run(check(joe, "old"));
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        CHECK(took.count() < 5);
        CHECK(outcome.status == 111);
        return outcome;
    }
};

const std::string late = "the server does not answer in time";

} // namespace

TEST_CASE("a server that goes on sending bytes of a TLS handshake is left at the deadline") {
    const FakeServer server{with_client([](Client& client) {
        if (!client.greet(true) || client.receive().empty()) return;
        std::string more = bytes("\x16\x03\x03\x40\0");
        while (client.wait(100) && client.send_raw(more)) more = bytes("\0");
    })};
    Users users;
    users.user_query += "\ntls = verify";
    const auto outcome = users.check_at(server, "localhost");
    CHECK_MESSAGE(has(outcome.err, late), outcome.err);
}

TEST_CASE("a server that describes columns without end gets neither the time nor the memory") {
    const std::string message = column(std::string(400'000, 'A'));
    std::string many;
    for (int i = 0; i < 16; ++i)
        many += number(message.size(), 3) + static_cast<char>(i + 2) + message;
    const FakeServer server{with_client([&](Client& client) {
        client.serve([&](Client&) {
            client.send(bytes("\xfc\x60\xea")); // 60,000 columns
            while (client.send_raw(many)) continue;
        });
    })};
    const auto outcome = Users{}.check_at(server);
    CHECK_MESSAGE(has(outcome.err, "127.0.0.1"), outcome.err);
    rusage used{};
    REQUIRE(::getrusage(RUSAGE_CHILDREN, &used) == 0);
    if (hardened) CHECK(used.ru_maxrss < 100'000);
}

TEST_CASE("a statement is closed by the deadline, although the server has not ended its result") {
    // The length of the first value is longer than the row.
    const std::string row = bytes("\0\0\xfd\xff\xff\xff") + "joe";
    const FakeServer server{with_client([&](Client& client) {
        client.serve([&](Client&) {
            for (const auto& part : {bytes("\2"), column("login"), column("hash"), eof, row})
                client.send(part);
            client.be_mute();
        });
    })};
    const auto outcome = Users{}.check_at(server);
    CHECK_MESSAGE(has(outcome.err, "read a row"), outcome.err);
}
