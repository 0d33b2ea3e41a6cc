// Clients of poppass on a loopback port, many at once: load PORT SECONDS KIND=COUNT...
//
//   idle    connects and says nothing
//   slow    says a byte now and then
//   change  changes the password of user0, user1, ... again and again, ten times a connection; each
//           change is verified by the next check. All begin with the password `password`.
//   guess   guesses at the passwords of user0, user1, ...
//
// After SECONDS the clients finish what they have begun. Then it writes the figures, one
// `name=value` a line, and the users, each with its password and the one before. The connections
// stay open until standard input ends. Exits with 0 if all was as it should be.
#include "base/fd.hh"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds between_slow_bytes{250};
constexpr int changes_per_connection = 10;

enum class Kind { idle, slow, change, guess };
constexpr const char* kind_names[] = {"idle", "slow", "change", "guess"};

struct Figures {
    long connections = 0;
    long changes = 0;
    long verified = 0; // the old password of the next change was accepted
    long lost = 0;     // it was refused
    long refused = 0;  // changes that were not made
    long guesses = 0;
    long right = 0;      // guesses that were accepted
    long dropped = 0;    // connections that ended before they should
    long nonsense = 0;   // replies that the protocol does not allow
    long unfinished = 0; // clients that did not finish in time
    bool good() const { return lost + refused + right + dropped + nonsense + unfinished == 0; }
};

sockaddr_in server;
Figures figures;
bool ending = false;

class Client {
public:
    Client(Kind kind, int number)
        : kind_(kind), number_(number), user_("user" + std::to_string(number)) {}

    void connect() {
        fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
            std::perror("load: connect");
            std::exit(1);
        }
        ++figures.connections;
        received_.clear();
        awaited_ = Awaited::greeting;
        changes_here_ = 0;
        typed_ = 0;
    }

    // Whether the client has no request under way.
    bool is_done() const {
        return kind_ == Kind::idle || kind_ == Kind::slow || awaited_ == Awaited::nothing;
    }
    int fd() const { return fd_.get(); }
    bool is_slow() const { return kind_ == Kind::slow; }
    const std::string& user() const { return user_; }
    const std::string& password() const { return password_; }
    const std::string& before() const { return before_; }

    void read_replies() {
        char block[4096];
        const auto n = poppass::retried([&] { return ::read(fd_.get(), block, sizeof block); });
        if (n <= 0) return closed();
        received_.append(block, static_cast<std::size_t>(n));
        for (std::size_t end; (end = received_.find("\r\n")) != received_.npos;) {
            const std::string line = received_.substr(0, end);
            received_.erase(0, end + 2);
            const bool good = line.starts_with("200 ");
            if (!good && !line.starts_with("500 ")) ++figures.nonsense;
            if (kind_ == Kind::change) change(good, line);
            if (kind_ == Kind::guess) guess(good);
        }
    }

    // The clients do not start all at the same time.
    void say_a_byte(int round) {
        if (round < number_) return;
        const auto text = slow_text();
        if (typed_ < text.size()) send(text.substr(typed_++, 1));
    }

private:
    enum class Awaited { greeting, user, pass, newpass, quit, last, nothing };

    void send(const std::string& text) {
        // A few bytes can always be sent. If the server has closed, the next read shows it.
        (void)::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    void say(const std::string& line, Awaited next) {
        awaited_ = next;
        send(line + "\r\n");
    }

    void give_up(long& count, const std::string& line) {
        ++count;
        std::fprintf(stderr, "%s: %s\n", user_.c_str(), line.c_str());
        awaited_ = Awaited::nothing;
    }

    void change(bool good, const std::string& line) {
        switch (awaited_) {
        case Awaited::newpass:
            if (!good) return give_up(figures.refused, line);
            ++figures.changes;
            before_ = std::exchange(password_, next_);
            [[fallthrough]];
        case Awaited::greeting:
            if (ending) {
                awaited_ = Awaited::nothing;
                return;
            }
            if (changes_here_ == changes_per_connection) return say("quit", Awaited::quit);
            return say("user " + user_, Awaited::user);
        case Awaited::user: return say("pass " + password_, Awaited::pass);
        case Awaited::pass:
            if (!good) return give_up(figures.lost, line);
            if (!before_.empty()) ++figures.verified;
            ++changes_here_;
            next_ = user_ + "-" + std::to_string(++made_up_);
            return say("newpass " + next_, Awaited::newpass);
        case Awaited::quit: awaited_ = Awaited::last; return;
        case Awaited::last:
        case Awaited::nothing: ++figures.nonsense;
        }
    }

    void guess(bool good) {
        if (awaited_ == Awaited::pass) {
            ++figures.guesses;
            if (good) ++figures.right;
            ++changes_here_;
            if (ending) {
                awaited_ = Awaited::nothing;
                return;
            }
        }
        if (awaited_ == Awaited::user) return say("pass guess", Awaited::pass);
        say("user " + user_, Awaited::user);
    }

    // Guessers are disconnected after some tries, and so is a slow client. The others are connected
    // until they quit.
    void closed() {
        const bool expected = (kind_ == Kind::guess && changes_here_ > 0) ||
                              (kind_ == Kind::change && awaited_ == Awaited::last) ||
                              (kind_ == Kind::slow && typed_ == slow_text().size());
        if (!expected) ++figures.dropped;
        if (ending) {
            fd_.reset();
            awaited_ = Awaited::nothing;
        } else {
            connect();
        }
    }

    std::string slow_text() const { return "user " + user_ + "\r\npass guess\r\nquit\r\n"; }

    const Kind kind_;
    const int number_;
    const std::string user_;
    poppass::Fd fd_;
    std::string received_;
    Awaited awaited_ = Awaited::greeting;
    std::string password_ = "password", before_, next_;
    int made_up_ = 0;
    int changes_here_ = 0; // or guesses, in this connection
    std::size_t typed_ = 0;
};

void serve(std::vector<Client>& clients, Clock::time_point until) {
    std::vector<pollfd> ends;
    auto next_byte = Clock::now();
    int round = 0;
    for (;;) {
        const auto now = Clock::now();
        if (now >= until) return;
        if (ending && std::all_of(clients.begin(), clients.end(),
                                  [](const Client& client) { return client.is_done(); }))
            return;
        if (now >= next_byte && !ending) {
            ++round;
            for (Client& client : clients)
                if (client.is_slow()) client.say_a_byte(round);
            next_byte = now + between_slow_bytes;
        }
        ends.clear();
        for (const Client& client : clients) ends.push_back({client.fd(), POLLIN, 0});
        ::poll(ends.data(), ends.size(), 50);
        for (std::size_t i = 0; i < ends.size(); ++i)
            if (ends[i].revents != 0) clients[i].read_replies();
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    std::vector<Client> clients;
    for (int i = 3; i < argc; ++i) {
        const std::string word = argv[i];
        const auto equals = std::min(word.find('='), word.size() - 1);
        const auto* const name =
            std::find(std::begin(kind_names), std::end(kind_names), word.substr(0, equals));
        if (name == std::end(kind_names)) return 2;
        for (int number = 0; number < std::atoi(word.c_str() + equals + 1); ++number)
            clients.emplace_back(static_cast<Kind>(name - kind_names), number);
    }
    for (Client& client : clients) client.connect();
    serve(clients, Clock::now() + std::chrono::seconds{std::atoi(argv[2])});
    ending = true;
    serve(clients, Clock::now() + std::chrono::seconds{30});
    figures.unfinished = std::count_if(clients.begin(), clients.end(),
                                       [](const Client& client) { return !client.is_done(); });

    std::printf("connections=%ld\nchanges=%ld\nverified=%ld\nlost=%ld\nrefused=%ld\nguesses=%ld\n"
                "right=%ld\ndropped=%ld\nnonsense=%ld\nunfinished=%ld\n",
                figures.connections, figures.changes, figures.verified, figures.lost,
                figures.refused, figures.guesses, figures.right, figures.dropped, figures.nonsense,
                figures.unfinished);
    for (const Client& client : clients)
        if (!client.before().empty())
            std::printf("user %s %s %s\n", client.user().c_str(), client.password().c_str(),
                        client.before().c_str());
    std::printf("held\n");
    std::fflush(stdout);
    for (char byte; ::read(STDIN_FILENO, &byte, 1) > 0;) {}
    return figures.good() ? 0 : 1;
}
