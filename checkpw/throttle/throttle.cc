#include "throttle/throttle.hh"

#include "base/text.hh"
#include "link/peer.hh"

#include <algorithm>
#include <limits>

namespace poppass {

namespace {

constexpr Seconds seconds_of_day = 86'400;

// A check that takes longer counts as this long.
constexpr std::chrono::seconds longest_refusal{10};

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

// The counter as it is now. If it starts in the future, the clock was set back.
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
    const Seconds longest = std::min(half(limits), longest_wait);
    const std::uint32_t more = std::min((total(counter) - free) / whole_failure, std::uint32_t{16});
    const Seconds until =
        std::min<Seconds>(counter.last, now) + std::min(first_wait << more, longest);
    return until > now ? until - now : 0;
}

constexpr std::uint8_t most_k = 32;

// The draw as it is now.
Draw aged(const Draw& draw, Seconds now) {
    const std::uint32_t epoch = now / epoch_length;
    if (draw.epoch == epoch) return draw;
    if (draw.epoch > epoch) return {epoch, {}, 0, 0};
    std::uint32_t k = draw.k;
    // The draw has raised it already for those after the third.
    constexpr std::uint32_t third = std::tuple_size_v<decltype(draw.marks)>;
    if (draw.admitted > 1) k += std::min<std::uint32_t>(draw.admitted, third) - 1;
    const std::uint32_t empty = epoch - draw.epoch - (draw.admitted == 0 ? 0 : 1);
    k = std::min<std::uint32_t>(k - std::min(k, empty), most_k);
    return {epoch, {}, 0, static_cast<std::uint8_t>(k)};
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
    if (!peer) return {normalised(login), "-", "-", false};
    const bool is_spared = is_loopback_address(*peer) ||
                           std::any_of(spared.begin(), spared.end(),
                                       [&](const auto& range) { return range.contains(*peer); });
    return {normalised(login), counted_address(*peer), counted_network(*peer), !is_spared};
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

// Two numbers of 32 bits give the places in all rows (Kirsch and Mitzenmacher).
std::array<LittleEndian<std::uint16_t>*, depth> Throttle::successes(std::uint64_t pair) const {
    std::array<LittleEndian<std::uint16_t>*, depth> found;
    for (std::size_t row = 0; row < depth; ++row)
        found[row] = &table_.successes[row][((pair & 0xffffffff) + row * (pair >> 32)) %
                                            ThrottleTable::success_width];
    return found;
}

std::uint32_t Throttle::estimate(Kind kind, std::uint64_t hash, Seconds now) const {
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (const Counter* const counter : counters(kind, hash))
        least = std::min(least, total(aged(*counter, now, half(limits_))));
    return least;
}

bool Throttle::is_over(Kind kind, std::uint64_t hash, Seconds now) const {
    return estimate(kind, hash, now) >= limit(kind, limits_);
}

Seconds Throttle::wait(Kind kind, std::uint64_t hash, Seconds now) const {
    Seconds least = std::numeric_limits<Seconds>::max();
    for (const Counter* const counter : counters(kind, hash))
        least =
            std::min(least, counter_wait(aged(*counter, now, half(limits_)), kind, limits_, now));
    return least;
}

bool Throttle::has_succeeded(std::uint64_t pair, Seconds now) const {
    const unsigned today = now / seconds_of_day;
    const auto cells = successes(pair);
    return std::all_of(cells.begin(), cells.end(), [&](const auto* cell) {
        const unsigned day = *cell;
        // Tomorrow: the clock was set back a little at midnight.
        return day != 0 && day <= today + 1 && today <= day + success_days;
    });
}

// Whether one more new address of the login is remembered today. Counts it then.
bool Throttle::may_remember(std::uint64_t login, Seconds now) {
    const auto today = static_cast<std::uint16_t>(now / seconds_of_day);
    std::uint8_t least = new_addresses;
    std::array<Remembered*, depth> found;
    for (std::size_t row = 0; row < depth; ++row) {
        found[row] = cell(table_.remembered, row, login);
        if (found[row]->day != today) *found[row] = {today, 0};
        least = std::min(least, found[row]->count);
    }
    if (least == new_addresses) return false;
    for (Remembered* const one : found) // the others are too high already
        if (one->count == least) ++one->count;
    return true;
}

Seconds Throttle::wait(const Attempt& attempt, Seconds now) const {
    const auto hashes = hash(attempt.login, attempt.address);
    const Seconds of_pair = wait(Kind::pair, hashes[index(Kind::pair)], now);
    if (!attempt.address_counts) return of_pair;
    return std::max(of_pair, wait(Kind::address, hashes[index(Kind::address)], now));
}

// Whether the network is drawn in this epoch. Each network is admitted once in an epoch.
bool Throttle::draw(const Attempt& attempt, std::uint64_t login, Seconds now) {
    Draw& draw = table_.draws[static_cast<std::size_t>(login % table_.draws.size())];
    draw = aged(draw, now);
    draw.k = std::min(draw.k, most_k); // the file may be damaged
    std::string bytes{"d" + attempt.login};
    bytes.append(1, '\0').append(attempt.network).append(1, '\0');
    const std::uint64_t number = siphash(key_, bytes.append(std::to_string(draw.epoch)));
    const auto mark = static_cast<std::uint16_t>(number);
    if (number > std::numeric_limits<std::uint64_t>::max() >> draw.k) return false;
    const std::size_t known = std::min<std::size_t>(draw.admitted, draw.marks.size());
    const auto end = draw.marks.begin() + static_cast<std::ptrdiff_t>(known);
    if (std::find(draw.marks.begin(), end, mark) != end) return false;
    // Late in the epoch others have less of a chance then, so this is only for the beginning of an
    // attack, when `k` is far too low.
    if (known == draw.marks.size() && draw.k < most_k) ++draw.k;
    draw.marks[draw.admitted % draw.marks.size()] = mark;
    if (draw.admitted < std::numeric_limits<std::uint8_t>::max()) ++draw.admitted;
    return true;
}

Decision Throttle::decide(const Attempt& attempt, Seconds now) {
    const auto hashes = hash(attempt.login, attempt.address);
    const std::uint64_t login = hashes[index(Kind::login)];
    const Seconds of_pair = wait(Kind::pair, hashes[index(Kind::pair)], now);
    const Seconds of_address =
        attempt.address_counts ? wait(Kind::address, hashes[index(Kind::address)], now) : 0;
    const bool attacked = is_over(Kind::login, login, now);
    const Seconds told = attacked ? of_address : std::max(of_address, of_pair);
    if (told > 0) return {Decision::Kind::must_wait, told};
    const bool admitted =
        !attacked || (of_pair == 0 &&
                      (has_succeeded(hashes[index(Kind::pair)], now) || draw(attempt, login, now)));
    // What is charged must not depend on a success in the past, because the waits tell it.
    Charge charged;
    if (of_pair == 0) charge(charged, attempt, Kind::pair, now);
    charge(charged, attempt, Kind::address, now);
    charge(charged, attempt, Kind::login, now);
    return {admitted ? Decision::Kind::admitted : Decision::Kind::turned_away, 0, charged};
}

std::uint32_t Throttle::quarters(const Attempt& attempt, Kind kind, Seconds now) const {
    return estimate(kind, hash(attempt.login, attempt.address)[index(kind)], now);
}

void Throttle::charge(Charge& charge, const Attempt& attempt, Kind kind, Seconds now) {
    if (kind == Kind::address && !attempt.address_counts) return;
    const auto hashes = hash(attempt.login, attempt.address);
    const std::uint64_t hash = hashes[index(kind)];
    const auto found = counters(kind, hash);
    for (std::size_t row = 0; row < depth; ++row) {
        auto& change = charge.changes[index(kind)][row];
        change.before = *found[row];
        *found[row] = aged(*found[row], now, half(limits_));
        count_failure(*found[row], now);
        change.after = *found[row];
    }
    if (!is_over(kind, hash, now)) return;
    Waiter& waiter = table_.waiters[static_cast<std::size_t>(hash % table_.waiters.size())];
    std::copy(hashes.begin(), hashes.end(), waiter.hashes.begin());
    waiter.window = limits_.window;
    waiter.tries = limits_.tries;
    waiter.kind = kind;
    copy_text(attempt.login, waiter.login);
    copy_text(attempt.address, waiter.address);
}

Charge Throttle::charge(const Attempt& attempt, Seconds now) {
    Charge all;
    for (const Kind kind : all_kinds) charge(all, attempt, kind, now);
    return all;
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
    const auto hashes = hash(attempt.login, attempt.address);
    const std::uint64_t pair = hashes[index(Kind::pair)];
    if (!has_succeeded(pair, now) && !may_remember(hashes[index(Kind::login)], now)) return;
    for (auto* const cell : successes(pair))
        *cell = static_cast<std::uint16_t>(now / seconds_of_day);
}

void Throttle::note_refusal(std::chrono::microseconds took) {
    const auto most = std::chrono::duration_cast<std::chrono::microseconds>(longest_refusal);
    const std::int64_t mean = refusal_time().count();
    const std::int64_t latest = std::min(took, most).count();
    table_.refusal_time =
        static_cast<std::uint32_t>(mean == 0 ? latest : mean + (latest - mean) / 16);
}

std::chrono::microseconds Throttle::refusal_time() const {
    return std::min<std::chrono::microseconds>(
        std::chrono::microseconds{std::uint32_t{table_.refusal_time}}, longest_refusal);
}

std::vector<Throttle::Waiting> Throttle::list(Seconds now) const {
    std::vector<Waiting> list;
    for (const Waiter& waiter : table_.waiters) {
        if (!is_good(waiter)) continue;
        const Throttle then{table_, key_, {waiter.tries, waiter.window}};
        const std::uint64_t hash = waiter.hashes[index(waiter.kind)];
        const bool is_login = waiter.kind == Kind::login;
        const Seconds wait = is_login ? 0 : then.wait(waiter.kind, hash, now);
        if (is_login ? !then.is_over(Kind::login, hash, now) : wait == 0) continue;
        const Draw& draw = table_.draws[static_cast<std::size_t>(hash % table_.draws.size())];
        const auto k = std::min(aged(draw, now).k, most_k);
        list.push_back({waiter.kind, waiter.login.data(), waiter.address.data(),
                        then.estimate(waiter.kind, hash, now) / whole_failure, wait,
                        is_login ? std::uint64_t{1} << k : 0});
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
