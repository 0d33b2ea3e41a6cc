// Tests whether the time of a refusal reveals that a user exists: many sessions at once send checks
// of known and unknown logins in random order, all are refused, and a rank test compares their
// times.
#include "support/conversation.hh"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <future>
#include <random>
#include <thread>

using namespace poppass::test;
using Clock = std::chrono::steady_clock;

namespace {

// The rank test is that of Mann and Whitney: z is the distance of the sum of the ranks of one kind
// from its expected value, in standard deviations. The order is random, and each session has the
// same number of both kinds. So, however busy the machine is, chance alone gives more than 4.3 in
// less than one of 20 000 runs, and the two such tests below raise a false alarm in less than one
// of 10 000.
constexpr double bound = 4.3;

// Sixteen sessions hash at once here, and a machine may be busy with other things.
constexpr milliseconds patience{60'000};

constexpr const char* known = "joe";
constexpr const char* unknown = "jim";

struct Sample {
    double ms;
    bool is_known;
};
using Samples = std::vector<Sample>;

// Positive: the known logins are slower.
double rank_test(Samples samples) {
    std::sort(samples.begin(), samples.end(),
              [](const Sample& a, const Sample& b) { return a.ms < b.ms; });
    double rank_sum = 0, count = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!samples[i].is_known) continue;
        rank_sum += static_cast<double>(i + 1);
        ++count;
    }
    const double all = static_cast<double>(samples.size());
    const double mean = count * (all + 1) / 2;
    return (rank_sum - mean) / std::sqrt(count * (all - count) * (all + 1) / 12);
}

double median(const Samples& samples, bool of_known) {
    std::vector<double> times;
    for (const auto& [ms, is_known] : samples)
        if (is_known == of_known) times.push_back(ms);
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

// One session with this many refusals of each kind. It begins after some time, because checks that
// all run at once could take longer than the delay, and then the time may differ.
Samples refusals(Conversation& client, milliseconds later, int of_each) {
    std::this_thread::sleep_for(later);
    std::vector<bool> order(static_cast<std::size_t>(2 * of_each));
    std::fill(order.begin(), order.begin() + of_each, true);
    std::shuffle(order.begin(), order.end(), std::mt19937{std::random_device{}()});
    Samples samples;
    for (const bool is_known : order) {
        if (client.ask(std::string{"user "} + (is_known ? known : unknown)) !=
            "200 Your password please.")
            throw std::runtime_error{"no password is asked for"};
        const auto begin = Clock::now();
        client.send("pass guess\r\n");
        if (client.reply(patience) != "500 Old password is incorrect.")
            throw std::runtime_error{"not refused as wrong passwords are"};
        samples.push_back(
            {std::chrono::duration<double, std::milli>(Clock::now() - begin).count(), is_known});
    }
    return samples;
}

// Starts sessions with this check, all at once, and returns the times of all refusals.
Samples measure(Words check, std::string delay, int sessions, int of_each) {
    const Service service{
        .check = std::move(check),
        .environment = {{"POPPASS_DELAY", std::move(delay)}, {"POPPASS_TRIES", "1000"}},
        .timeout = milliseconds{120'000}};
    std::deque<Conversation> clients;
    for (int i = 0; i < sessions; ++i) clients.emplace_back(service);
    std::vector<std::future<Samples>> running;
    for (int i = 0; i < sessions; ++i)
        running.push_back(std::async(std::launch::async, refusals,
                                     std::ref(clients[static_cast<std::size_t>(i)]),
                                     milliseconds{1'000 * i / sessions}, of_each));
    Samples all;
    for (auto& one : running)
        for (const Sample& sample : one.get()) all.push_back(sample);
    return all;
}

double show(const char* what, const Samples& samples) {
    const double z = rank_test(samples);
    std::printf("%s: %zu refusals, medians: known %.3f ms, unknown %.3f ms; z = %.2f\n", what,
                samples.size(), median(samples, true), median(samples, false), z);
    return z;
}

} // namespace

TEST_CASE("the rank test tells a small difference, and none where there is none") {
    std::mt19937 random{1};
    std::normal_distribution<double> noise{1000, 1};
    Samples same, other;
    for (int i = 0; i < 320; ++i) {
        const bool is_known = i % 2 == 0;
        same.push_back({noise(random), is_known});
        other.push_back({noise(random) + (is_known ? 1 : 0), is_known});
    }
    CHECK(std::abs(rank_test(same)) < bound);
    CHECK(rank_test(other) > bound);
    for (auto& [ms, is_known] : other) is_known = !is_known;
    CHECK(rank_test(other) < -bound);
}

TEST_CASE("the time of a refusal does not tell whether there is such a user") {
    TemporaryDirectory directory;
    const auto file = directory.file("users");
    REQUIRE(run({.argv = {built("pwadmin"), "-q", "-f", file, "--add", "--stdin", known},
                 .input = "password\n"})
                .status == 0);
    // This check takes longer for a known login.
    const auto slow = [](const char* ms) {
        return fixture({"login", known, "sleep", ms, "exit", "1"});
    };
    // These run at the same time, because each of them waits most of its time.
    auto file_check = std::async(
        std::launch::async, measure,
        Words{built("checkpw"), "-f", file, "--allow-expired", "/bin/false"}, "1", 16, 10);
    auto within_delay = std::async(std::launch::async, measure, slow("200"), "1", 40, 5);
    auto beyond_delay = std::async(std::launch::async, measure, slow("1200"), "1", 8, 4);
    auto no_delay = std::async(std::launch::async, measure, slow("1000"), "0", 8, 4);

    const auto seen = file_check.get(), hidden = within_delay.get();
    CHECK(std::abs(show("a credential file", seen)) < bound);
    CHECK(std::abs(show("known ones take 200 ms longer", hidden)) < bound);
    for (const Samples* const samples : {&seen, &hidden})
        for (const auto& [ms, is_known] : *samples) REQUIRE(ms >= 1'000);
    // The same test finds a difference that the delay cannot hide.
    CHECK(show("known ones take longer than the delay", beyond_delay.get()) > bound);
    CHECK(show("known ones take 1000 ms longer, no delay", no_delay.get()) > bound);
}
