#include "hash/crypt_cost.hh"

#include <charconv>
#include <optional>
#include <string>

namespace poppass {

namespace {

// Reads the numbers of yescrypt's and scrypt's settings, as libxcrypt's sources encode them.
class Numbers {
public:
    explicit Numbers(std::string_view text) : rest_(text) {}

    bool ended() const { return rest_.empty() || rest_.front() == '$'; }

    std::optional<std::uint64_t> digit() {
        constexpr std::string_view digits =
            "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        const std::size_t value = rest_.empty() ? digits.npos : digits.find(rest_.front());
        if (value == digits.npos) return std::nullopt;
        rest_.remove_prefix(1);
        return value;
    }

    // The first digit tells how many follow it. The smallest number is `least`.
    std::optional<std::uint64_t> number(std::uint64_t least) {
        const auto first = digit();
        if (!first) return std::nullopt;
        std::uint64_t value = least, start = 0, end = 47;
        unsigned bits = 0;
        while (*first > end) {
            value += (end + 1 - start) << bits;
            start = end + 1;
            end = start + (62 - end) / 2;
            bits += 6;
        }
        value += (*first - start) << bits;
        while (bits > 0) {
            const auto next = digit();
            if (!next) return std::nullopt;
            bits -= 6;
            value += *next << bits;
        }
        return value;
    }

    // Five digits, the lowest first.
    std::optional<std::uint64_t> fixed() {
        std::uint64_t value = 0;
        for (unsigned bits = 0; bits < 30; bits += 6) {
            const auto next = digit();
            if (!next) return std::nullopt;
            value += *next << bits;
        }
        return value;
    }

private:
    std::string_view rest_;
};

Result<void> check_memory(std::uint64_t log_blocks, std::uint64_t block, std::uint64_t lanes,
                          std::uint64_t more_passes) {
    constexpr std::uint64_t most_units = most_memory / 128;
    if (lanes > most_lanes || more_passes >= most_lanes) return too_costly("time");
    // Each lane has a block of its own beside the table. The first one is small enough to ignore.
    if (log_blocks > 30 || block > most_units ||
        (block << log_blocks) + block * lanes > most_units + block)
        return too_costly("memory");
    if ((block << log_blocks) * 128 * lanes * (more_passes + 1) > most_memory_work)
        return too_costly("time");
    return {};
}

// $y$FLAVOUR BLOCKS BLOCK-SIZE [WHICH [LANES] [PASSES] ...]
Result<void> check_yescrypt(std::string_view setting) {
    Numbers numbers{setting};
    const auto flavour = numbers.number(0), blocks = numbers.number(1), block = numbers.number(1);
    if (!flavour || !blocks || !block) return {};
    std::uint64_t lanes = 1, passes = 0;
    if (!numbers.ended()) {
        const std::uint64_t which = numbers.number(1).value_or(0);
        if ((which & 1) != 0) lanes = numbers.number(2).value_or(0);
        if ((which & 2) != 0) passes = numbers.number(1).value_or(0);
    }
    return check_memory(*blocks, *block, lanes, passes);
}

// $7$BLOCKS BLOCK-SIZE LANES. It takes several times as long as one pass of the others over the
// same memory, so it is counted as eight passes.
Result<void> check_scrypt(std::string_view setting) {
    Numbers numbers{setting};
    const auto blocks = numbers.digit(), block = numbers.fixed(), lanes = numbers.fixed();
    return blocks && block && lanes ? check_memory(*blocks, *block, *lanes, 7) : Result<void>{};
}

// The number that the text begins with; nothing if it begins with none.
Result<void> check_number(std::string_view text, std::int64_t most) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool above = error == std::errc::result_out_of_range ||
                       (error == std::errc{} && number > static_cast<std::uint64_t>(most));
    return above ? too_costly("time") : Result<void>{};
}

} // namespace

Error too_costly(std::string_view what) {
    return trouble("the stored hash asks for too much " + std::string{what});
}

Result<void> check_stored_cost(std::string_view hash) {
    for (const std::string_view prefix : {"$y$", "$gy$"})
        if (hash.starts_with(prefix)) return check_yescrypt(hash.substr(prefix.size()));
    if (hash.starts_with("$7$")) return check_scrypt(hash.substr(3));
    // Above 31 it is malformed.
    if (hash.starts_with("$2") && hash.size() > 4 && hash.substr(4, 2) <= "31")
        return check_number(hash.substr(4, 2), most_bcrypt_cost);
    // Here alone libcrypt takes a sign, and a negative number for a very large one.
    if (hash.starts_with("$sha1$+") || hash.starts_with("$sha1$-")) return too_costly("time");
    for (const std::string_view prefix :
         {"$5$rounds=", "$6$rounds=", "$sha1$", "$md5,rounds=", "$md5$rounds="})
        if (hash.starts_with(prefix)) return check_number(hash.substr(prefix.size()), most_rounds);
    return {};
}

} // namespace poppass
