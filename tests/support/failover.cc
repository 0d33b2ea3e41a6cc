#include "support/failover.hh"

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

namespace poppass::test {

namespace {

using Clock = std::chrono::steady_clock;

// How long servers may take on a machine that does much else.
constexpr std::chrono::seconds longest{120};

void pause() { std::this_thread::sleep_for(milliseconds{20}); }

} // namespace

bool nothing_was_changed(const Outcome& outcome) {
    return outcome.status == 111 && outcome.out.find("nothing was changed") != std::string::npos;
}

bool is_not_known(const Outcome& outcome) {
    return outcome.status == 111 && !nothing_was_changed(outcome) &&
           outcome.err.find("it is not known whether") != std::string::npos;
}

void wait_until(const std::function<bool()>& done) {
    const auto end = Clock::now() + longest;
    while (!done()) {
        if (Clock::now() > end) throw std::runtime_error{"waited for too long"};
        pause();
    }
}

std::vector<Outcome> change_meanwhile(std::size_t count,
                                      const std::function<Program(std::size_t)>& change,
                                      const std::function<void()>& deed) {
    const auto end = Clock::now() + longest;
    std::vector<Outcome> said(count);
    std::atomic<std::size_t> next = 0, done = 0;
    const auto work = [&] {
        for (std::size_t user; (user = next++) < count; ++done)
            for (;;) {
                said[user] = run(change(user));
                if (!nothing_was_changed(said[user]) || Clock::now() > end) break;
                pause();
            }
    };
    std::vector<std::future<void>> workers;
    for (int i = 0; i < 3; ++i) workers.push_back(std::async(std::launch::async, work));
    wait_until([&] { return done >= count / 3; });
    deed();
    for (auto& worker : workers) worker.get();
    return said;
}

} // namespace poppass::test
