#include "throttle/throttle.hh"

#include "base/text.hh"
#include "link/peer.hh"

#include <algorithm>
#include <limits>

namespace poppass {

namespace {

constexpr Kind all_kinds[] = {Kind::pair, Kind::address, Kind::login};

constexpr std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

Seconds half(const ThrottleLimits& limits) { return (limits.window + 1) / 2; }

// In quarters.
std::uint32_t limit(Kind kind, const ThrottleLimits& limits) {
    switch (kind) {
    case Kind::pair: return whole_failure * limits.tries;
    case Kind::address: return whole_failure * limits.tries * address_factor;
    case Kind::login: break;
    }
    return whole_failure * limits.tries * login_factor;
}

std::uint32_t total(const Counter& counter) { return std::uint32_t{counter.now} + counter.before; }

// The counter as it is now. If it starts in the future, it is from before a reboot.
Counter aged(const Counter& counter, Seconds now, Seconds half) {
    const Seconds age = now - counter.started;
    if (total(counter) == 0 || counter.started > now || age >= 2 * half) return {now, 0, 0, 0};
    if (age >= half) return {counter.started + half, counter.last, 0, counter.now};
    return counter;
}

void count_failure(Counter& counter, Seconds now) {
    constexpr std::uint32_t most = std::numeric_limits<std::uint16_t>::max();
    static_assert(whole_failure * most_tries * login_factor < most);
    counter.now = static_cast<std::uint16_t>(std::min(counter.now + whole_failure, most));
    counter.last = now;
}

void subtract(LittleEndian<std::uint16_t>& count, std::uint32_t quarters) {
    count = static_cast<std::uint16_t>(count - std::min<std::uint32_t>(quarters, count));
}

// The wait after the failures of an aged counter.
Seconds counter_wait(const Counter& counter, Kind kind, const ThrottleLimits& limits, Seconds now) {
    const std::uint32_t free = limit(kind, limits);
    if (total(counter) < free) return 0;
    const Seconds longest =
        std::min(half(limits), kind == Kind::login ? longest_login_wait : longest_wait);
    const std::uint32_t more = std::min((total(counter) - free) / whole_failure, std::uint32_t{16});
    const Seconds until =
        std::min<Seconds>(counter.last, now) + std::min(first_wait << more, longest);
    return until > now ? until - now : 0;
}

// Changes only the case of ASCII letters, because stores do not agree about other letters.
std::string normalised(std::string_view login) {
    const auto is_blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
    while (!login.empty() && is_blank(login.front())) login.remove_prefix(1);
    while (!login.empty() && is_blank(login.back())) login.remove_suffix(1);
    return lower(login);
}

// Whether the waiter is in use and as we write it: the file may be damaged.
bool is_good(const Waiter& waiter) {
    return waiter.tries >= 1 && waiter.tries <= most_tries && waiter.window >= least_window &&
           waiter.window <= most_window && waiter.kind <= Kind::login &&
           waiter.login.back() == '\0' && waiter.address.back() == '\0';
}

template <std::size_t size> void copy_text(std::string_view from, std::array<char, size>& into) {
    into = {};
    from.copy(into.data(), size - 1);
}

// The cell of the name with this hash in the row.
template <class Row>
auto* cell(std::array<Row, depth>& table, std::size_t row, std::uint64_t hash) {
    static_assert(std::tuple_size_v<Row> <= 65536); // each row takes 16 bits of its own
    return &table[row][(hash >> 16 * row) % std::tuple_size_v<Row>];
}

} // namespace

Attempt make_attempt(std::string_view login, const std::optional<std::string>& peer,
                     std::span<const AddressRange> spared) {
    if (!peer) return {normalised(login), "-", false};
    const bool is_spared = is_loopback_address(*peer) ||
                           std::any_of(spared.begin(), spared.end(),
                                       [&](const auto& range) { return range.contains(*peer); });
    return {normalised(login), counted_address(*peer), !is_spared};
}

Throttle::Hashes Throttle::hash(std::string_view login, std::string_view address) const {
    const auto hash = [&](char kind, std::string_view first, std::string_view second) {
        std::string bytes{kind};
        bytes.append(first).append(1, '\0').append(second);
        return siphash(key_, bytes);
    };
    return {hash('p', login, address), hash('a', address, {}), hash('l', login, {})};
}

std::array<Counter*, depth> Throttle::counters(Kind kind, std::uint64_t hash) const {
    std::array<Counter*, depth> found;
    for (std::size_t row = 0; row < depth; ++row)
        found[row] = kind == Kind::pair      ? cell(table_.pairs, row, hash)
                     : kind == Kind::address ? cell(table_.addresses, row, hash)
                                             : cell(table_.logins, row, hash);
    return found;
}

std::uint32_t Throttle::estimate(Kind kind, std::uint64_t hash, Seconds now) const {
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (const Counter* const counter : counters(kind, hash))
        least = std::min(least, total(aged(*counter, now, half(limits_))));
    return least;
}

Seconds Throttle::wait(Kind kind, std::uint64_t hash, Seconds now) const {
    Seconds least = std::numeric_limits<Seconds>::max();
    for (const Counter* const counter : counters(kind, hash))
        least =
            std::min(least, counter_wait(aged(*counter, now, half(limits_)), kind, limits_, now));
    return least;
}

bool Throttle::has_succeeded(std::uint64_t pair, Seconds now) const {
    for (std::size_t row = 0; row < depth; ++row) {
        const Seconds when = *cell(table_.successes, row, pair);
        if (when == 0 || when > now || now - when >= limits_.window) return false;
    }
    return true;
}

Seconds Throttle::wait(const Attempt& attempt, Seconds now) const {
    const auto hashes = hash(attempt.login, attempt.address);
    Seconds longest = wait(Kind::pair, hashes[index(Kind::pair)], now);
    if (attempt.address_counts)
        longest = std::max(longest, wait(Kind::address, hashes[index(Kind::address)], now));
    if (!has_succeeded(hashes[index(Kind::pair)], now))
        longest = std::max(longest, wait(Kind::login, hashes[index(Kind::login)], now));
    return longest;
}

std::uint32_t Throttle::quarters(const Attempt& attempt, Kind kind, Seconds now) const {
    return estimate(kind, hash(attempt.login, attempt.address)[index(kind)], now);
}

Charge Throttle::charge(const Attempt& attempt, Seconds now) {
    const auto hashes = hash(attempt.login, attempt.address);
    Charge charge;
    for (const Kind kind : all_kinds) {
        if (kind == Kind::address && !attempt.address_counts) continue;
        const std::uint64_t hash = hashes[index(kind)];
        const auto found = counters(kind, hash);
        for (std::size_t row = 0; row < depth; ++row) {
            auto& change = charge.changes[index(kind)][row];
            change.before = *found[row];
            *found[row] = aged(*found[row], now, half(limits_));
            count_failure(*found[row], now);
            change.after = *found[row];
        }
        if (wait(kind, hash, now) == 0) continue;
        Waiter& waiter = table_.waiters[static_cast<std::size_t>(hash % table_.waiters.size())];
        std::copy(hashes.begin(), hashes.end(), waiter.hashes.begin());
        waiter.window = limits_.window;
        waiter.tries = limits_.tries;
        waiter.kind = kind;
        copy_text(attempt.login, waiter.login);
        copy_text(attempt.address, waiter.address);
    }
    return charge;
}

// `share`: how much is taken back.
void Throttle::give_back(const Attempt& attempt, const Charge& charge, Seconds now,
                         std::uint32_t share) {
    const auto hashes = hash(attempt.login, attempt.address);
    for (const Kind kind : all_kinds) {
        if (kind == Kind::address && !attempt.address_counts) continue;
        const auto found = counters(kind, hashes[index(kind)]);
        for (std::size_t row = 0; row < depth; ++row) {
            const auto& [before, after] = charge.changes[index(kind)][row];
            Counter& counter = *found[row];
            // Compare and set: if nobody else has changed the counter, the time of the last failure
            // is restored, too.
            if (share == whole_failure && counter == after) {
                counter = before;
                continue;
            }
            counter = aged(counter, now, half(limits_));
            if (counter.started == after.started) subtract(counter.now, share);
            if (counter.started == after.started + half(limits_)) subtract(counter.before, share);
        }
    }
}

void Throttle::take_back(const Attempt& attempt, const Charge& charge, Seconds now) {
    give_back(attempt, charge, now, whole_failure);
}

void Throttle::take_most_back(const Attempt& attempt, const Charge& charge, Seconds now) {
    give_back(attempt, charge, now, whole_failure - trouble_share);
}

void Throttle::succeed(const Attempt& attempt, const Charge& charge, Seconds now) {
    take_back(attempt, charge, now);
    const auto pair = hash(attempt.login, attempt.address)[index(Kind::pair)];
    clear(Kind::pair, pair, now);
    for (std::size_t row = 0; row < depth; ++row) *cell(table_.successes, row, pair) = now;
}

std::vector<Throttle::Waiting> Throttle::list(Seconds now) const {
    std::vector<Waiting> list;
    for (const Waiter& waiter : table_.waiters) {
        if (!is_good(waiter)) continue;
        const Throttle then{table_, key_, {waiter.tries, waiter.window}};
        const std::uint64_t hash = waiter.hashes[index(waiter.kind)];
        const Seconds wait = then.wait(waiter.kind, hash, now);
        if (wait == 0) continue;
        list.push_back({waiter.kind, waiter.login.data(), waiter.address.data(),
                        then.estimate(waiter.kind, hash, now) / whole_failure, wait});
    }
    return list;
}

// Subtracts the estimate from each counter of the name. What other names have added stays.
bool Throttle::clear(Kind kind, std::uint64_t hash, Seconds now) {
    const std::uint32_t least = estimate(kind, hash, now);
    if (least == 0) return false;
    for (Counter* const counter : counters(kind, hash)) {
        *counter = aged(*counter, now, half(limits_));
        const auto of_before =
            static_cast<std::uint16_t>(std::min<std::uint32_t>(least, counter->before));
        counter->before = static_cast<std::uint16_t>(counter->before - of_before);
        counter->now = static_cast<std::uint16_t>(counter->now - (least - of_before));
    }
    return true;
}

bool Throttle::clear(std::string_view name, Seconds now) {
    const std::string_view host =
        name.substr(0, name.ends_with("/64") ? name.size() - 3 : name.npos);
    const auto address = parse_address(host);
    const auto hashes = hash(normalised(name), address ? counted_address(*address) : "-");
    const std::uint64_t of_address = hashes[index(Kind::address)];
    const std::uint64_t of_login = hashes[index(Kind::login)];
    bool cleared = clear(Kind::login, of_login, now);
    if (address && clear(Kind::address, of_address, now)) cleared = true;
    for (Waiter& waiter : table_.waiters) {
        if (!is_good(waiter)) continue;
        const bool named = waiter.hashes[index(Kind::login)] == of_login ||
                           (address && waiter.hashes[index(Kind::address)] == of_address);
        if (!named || waiter.kind != Kind::pair) continue;
        Throttle then{table_, key_, {waiter.tries, waiter.window}};
        if (then.clear(Kind::pair, waiter.hashes[index(Kind::pair)], now)) cleared = true;
        waiter = {};
    }
    return cleared;
}

} // namespace poppass
