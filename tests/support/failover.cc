#include "support/failover.hh"

#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <stdexcept>
#include <thread>

namespace poppass::test {

namespace {

using Clock = std::chrono::steady_clock;

// How long servers may take on a machine that does much else.
constexpr std::chrono::seconds longest{120};

void pause() { std::this_thread::sleep_for(milliseconds{20}); }

bool nothing_was_changed(const Outcome& outcome) {
    return outcome.status == 111 && has(outcome.out, "nothing was changed");
}

} // namespace

bool is_not_known(const Outcome& outcome) {
    return outcome.status == 111 && !nothing_was_changed(outcome) &&
           has(outcome.err, "it is not known whether");
}

void wait_until(const std::function<bool()>& done) {
    const auto end = Clock::now() + longest;
    while (!done()) {
        if (Clock::now() > end) throw std::runtime_error{"waited for too long"};
        pause();
    }
}

Outcome change_with_wait(const SqlUsers& users, const std::string& waiting,
                         const std::function<void(const std::string& connection)>& deed) {
    auto program = users.change(joe, "old", "new");
    program.timeout = milliseconds{60'000};
    auto changing = std::async(std::launch::async, [&] { return run(program); });
    std::vector<std::string> found;
    wait_until([&] { return !(found = users.sql(waiting)).empty(); });
    deed(found[0]);
    return changing.get();
}

void test_failover(const SqlUsers& users, const std::function<void()>& take_over,
                   const std::function<Words(const std::string& statement)>& other_server) {
    constexpr std::size_t count = 60;
    const auto name = [](std::size_t user) {
        return "user" + std::to_string(100 + user) + "@x.org";
    };
    std::string values;
    for (std::size_t user = 0; user < count; ++user)
        values += (user == 0 ? "('" : ", ('") + name(user) + "', '{PLAIN}old')";
    users.sql("INSERT INTO users (email, password) VALUES " + values);
    const auto end = Clock::now() + longest;
    std::vector<Outcome> said(count);
    std::atomic<std::size_t> next = 0, done = 0;
    const auto work = [&] {
        for (std::size_t user; (user = next++) < count; ++done)
            for (;;) {
                said[user] = run(users.change(name(user), "old", "new"));
                if (!nothing_was_changed(said[user]) || Clock::now() > end) break;
                pause();
            }
    };
    std::vector<std::future<void>> workers;
    for (int i = 0; i < 3; ++i) workers.push_back(std::async(std::launch::async, work));
    wait_until([&] { return done >= count / 3; });
    take_over();
    for (auto& worker : workers) worker.get();

    const auto found = other_server("SELECT CONCAT(email, '|', password) FROM users "
                                    "WHERE email LIKE 'user%' ORDER BY email");
    REQUIRE(found.size() == count);
    std::size_t made = 0;
    for (std::size_t user = 0; user < count; ++user) {
        CAPTURE(found[user]);
        CAPTURE(said[user].err);
        const bool is_new = found[user].starts_with(name(user) + "|{SSHA512}");
        if (said[user].status == 0)
            CHECK(is_new);
        else
            CHECK(is_not_known(said[user]));
        if (!is_new) CHECK(found[user] == name(user) + "|{PLAIN}old");
        made += said[user].status == 0 ? 1 : 0;
    }
    CHECK(made + 3 >= count); // three at a time can wait for their commit
    MESSAGE(made << " changes of " << count << " made, the others not known");
}

} // namespace poppass::test
