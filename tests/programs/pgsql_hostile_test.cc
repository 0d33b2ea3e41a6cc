// checkpw-pgsql and setpw-pgsql with a server that breaks PostgreSQL's protocol, or uses it to harm
// them. A real server does none of this.
#include "support/odd_server.hh"
#include "support/sql_users.hh"

#include <chrono>
#include <doctest/doctest.h>
#include <functional>
#include <sys/resource.h>
#include <sys/socket.h>

using namespace poppass;
using namespace poppass::test;

namespace {

std::string number(std::size_t value, int size) {
    std::string text;
    while (size-- > 0) text += static_cast<char>(value >> (8 * size));
    return text;
}

std::string message(char type, const std::string& body = {}) {
    return type + number(body.size() + 4, 4) + body;
}

const std::string signed_in =
    message('R', number(0, 4)) + message('S', bytes("client_encoding\0UTF8\0")) + message('Z', "I");

// The result of a statement, with one row.
std::string row(const Words& names, const Words& values, char state = 'I') {
    std::string described = number(names.size(), 2), data = number(values.size(), 2);
    for (const auto& name : names)
        described += name + '\0' + number(0, 6) + number(25, 4) + std::string(6, '\xff') +
                     number(0, 2); // a text
    for (const auto& value : values) data += number(value.size(), 4) + value;
    return message('1') + message('2') + message('T', described) + message('D', data) +
           message('C', bytes("SELECT 1\0")) + message('Z', {state});
}

std::string done(const std::string& tag, char state) {
    return message('1') + message('2') + message('n') + message('C', tag + '\0') +
           message('Z', {state});
}

// It answers each message of its clients, one client after the other, with what `answer` returns.
// The first message of a client has the type 0.
class PgsqlServer {
public:
    using Answer = std::function<std::string(char type, const std::string& body)>;

    // After the first answer it sends `flood` without end.
    explicit PgsqlServer(Answer answer, std::string flood = {})
        : answer_(std::move(answer)), flood_(std::move(flood)) {}

    int port() const { return server_.port(); }

private:
    static constexpr int long_ms = 60'000;

    void talk(Fd client, int stop) {
        client_ = std::move(client);
        stop_ = stop;
        for (bool first = true; serve_message(first); first = false) continue;
    }

    bool serve_message(bool first) {
        const std::string type = first ? std::string(1, '\0') : read(1);
        const std::string size = read(4);
        if (type.empty() || size.empty()) return false;
        std::size_t length = 0;
        for (const char c : size) length = length * 256 + static_cast<unsigned char>(c);
        const std::string body = read(length - 4);
        if (body.size() < length - 4 || !send(answer_(type[0], body))) return false;
        while (!flood_.empty())
            if (!send(flood_)) return false;
        return true;
    }

    // Less than asked for if the client or the test has ended.
    std::string read(std::size_t size) {
        std::string text;
        char block[4096];
        while (text.size() < size && first_ready({stop_, client_.get()}, long_ms) == 1) {
            const auto n =
                ::recv(client_.get(), block, std::min(sizeof block, size - text.size()), 0);
            if (n <= 0) break;
            text.append(block, static_cast<std::size_t>(n));
        }
        return text;
    }

    bool send(std::string_view text) {
        while (!text.empty()) {
            if (first_ready({stop_}, 0)) return false;
            const auto n = ::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    Answer answer_;
    std::string flood_;
    Fd client_;
    int stop_ = -1;
    FakeServer server_{[this](Fd client, int stop) { talk(std::move(client), stop); }};
};

// An answer for each statement. Those for which `odd` returns nothing are answered as a server does
// that has the user joe with the password "old".
PgsqlServer::Answer statements(std::function<std::string(const std::string& sql)> odd) {
    return [odd = std::move(odd), sql = std::string{}](char type, const std::string& body) mutable {
        if (type == '\0') return signed_in;
        if (type == 'P') sql = body.c_str() + body.find('\0') + 1;
        if (type != 'S') return std::string{};
        if (auto answer = odd(sql); !answer.empty()) return answer;
        if (has(sql, "transaction_read_only"))
            return row({"a", "b", "c", "d", "e", "f"}, {"off", "", "", "", "", ""});
        if (has(sql, "FROM users")) return row({"login", "hash"}, {joe, "{PLAIN}old"});
        if (has(sql, "pg_current_xact_id")) return row({"a", "b"}, {"1", "2"}, 'T');
        return done(sql.substr(0, sql.find(' ')), 'T');
    };
}

struct HostileUsers {
    TemporaryDirectory directory;
    std::string settings = directory.file("sql.conf");
    std::string server;

    HostileUsers(const PgsqlServer& fake, const std::string& more = {})
        : server("127.0.0.1:" + std::to_string(fake.port())) {
        write_file(settings, "connect = host=127.0.0.1 user=mail dbname=mail port=" +
                                 std::to_string(fake.port()) +
                                 "\nuser_query = SELECT login, hash FROM users WHERE a = :login\n"
                                 "set_query = UPDATE users SET hash = :hash WHERE a = :login AND "
                                 "hash = :old_hash\nscheme = SSHA512\ntimeout = 2\n" +
                                 more);
    }

    Program check() const { return program("checkpw-pgsql", joe + bytes("\0old\0\0\0")); }
    Program change() const { return program("setpw-pgsql", joe + bytes("\0old\0\0new\0")); }

private:
    Program program(const std::string& name, const std::string& record) const {
        return {.argv = {built(name), "-c", settings}, .record = record};
    }
};

// The program ends by itself, soon and without much memory, and says that there is trouble.
std::string trouble_of(const Program& program) {
    const auto began = std::chrono::steady_clock::now();
    const auto outcome = run(program);
    CHECK(outcome.status == 111);
    CHECK(outcome.signal == 0);
    CHECK(std::chrono::steady_clock::now() - began < milliseconds{8000});
    return outcome.err;
}

} // namespace

TEST_CASE("an answer with fewer columns or rows than were asked for is trouble") {
    for (const Words& columns : {Words{}, Words{"1"}, Words{"1", "2", "3", "4", "5", "6", "7"}}) {
        CAPTURE(columns.size());
        for (const std::string part : {"transaction_read_only", "pg_current_xact_id"}) {
            CAPTURE(part);
            const PgsqlServer fake{statements([&](const std::string& sql) {
                return has(sql, part) ? row(columns, columns) : std::string{};
            })};
            const HostileUsers users{fake};
            const auto err = trouble_of(users.change());
            CHECK_MESSAGE(has(err, "the server's answer is not the row that was asked for"), err);
            if (part == "transaction_read_only") trouble_of(users.check());
        }
    }
}

TEST_CASE("an answer that begins a COPY is trouble, and takes no time") {
    const std::string begin = message('1') + message('2');
    for (const char type : {'G', 'H', 'W'})
        for (const std::string part : {"transaction_read_only", "FROM users", "BEGIN", "UPDATE"}) {
            CAPTURE(type);
            CAPTURE(part);
            const PgsqlServer fake{statements([&](const std::string& sql) {
                return has(sql, part) ? begin + message(type, std::string(3, '\0')) : std::string{};
            })};
            const HostileUsers users{fake};
            const double before = time_of_children();
            CHECK(
                has(trouble_of(users.change()), "the server's answer is no result of a statement"));
            CHECK(time_of_children() - before < 0.5);
        }
}

TEST_CASE("a server that lets the library compute for minutes is left in time") {
    const auto scram = [](char type, const std::string& body) {
        if (type == '\0') return message('R', number(10, 4) + bytes("SCRAM-SHA-256\0\0"));
        return message('R', number(11, 4) + body.substr(body.find("r=")) +
                                "more,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=2147483647");
    };
    const PgsqlServer fake{scram};
    const HostileUsers users{fake, "password = secret\n"};
    for (const auto& program : {users.check(), users.change()})
        CHECK(has(trouble_of(program), "a call took longer than its limit"));
}

TEST_CASE("what a server sends while it is connected to takes no memory to speak of") {
    const std::string block(1 << 20, 'x');
    const std::string gigabyte = number(1'000'000'000, 4) + block;
    // A notice of a gigabyte, and settings without end.
    const std::pair<std::string, std::string> floods[] = {
        {'N' + gigabyte, block},
        {"", message('S', bytes("a\0") + std::string(28'000, 'x') + '\0')}};
    for (const auto& [first, flood] : floods) {
        const PgsqlServer fake{
            [&](char, const std::string&) { return message('R', number(0, 4)) + first; }, flood};
        const HostileUsers users{fake};
        for (const auto& program : {users.check(), users.change()}) trouble_of(program);
    }
    rusage after{};
    ::getrusage(RUSAGE_CHILDREN, &after);
    MESSAGE("the largest child had " << after.ru_maxrss << " kB");
    if (hardened) CHECK(after.ru_maxrss < 100'000);
}
