// The schemes that libargon2 computes: Argon2i and Argon2id (RFC 9106), with either name. The
// string itself says which of the two it is.

#include "base/text.hh"
#include "hash/crypt_cost.hh"
#include "hash/library.hh"

#include <argon2.h>
#include <charconv>
#include <cstdint>
#include <optional>

namespace poppass {

namespace {

// The number after "NAME=" among the parameters.
std::optional<std::uint64_t> find_parameter(std::string_view parameters, std::string_view name) {
    while (!parameters.empty()) {
        std::string_view word = take_until(parameters, ',');
        if (take_until(word, '=') != name) continue;
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
        return number;
    }
    return std::nullopt;
}

// $argon2id$v=19$m=MEMORY,t=PASSES,p=LANES$SALT$HASH, the memory in kB.
Result<Match> match(const StoredHash& hash, std::string_view password) {
    std::string_view rest = hash.text;
    if (!take_until(rest, '$').empty()) return Match::malformed;
    const std::string_view variant = take_until(rest, '$');
    if (rest.starts_with("v=")) take_until(rest, '$');
    const std::string_view parameters = take_until(rest, '$');
    const auto memory = find_parameter(parameters, "m"), passes = find_parameter(parameters, "t"),
               lanes = find_parameter(parameters, "p");
    if ((variant != "argon2i" && variant != "argon2id") || !memory || !passes || !lanes)
        return Match::malformed;
    if (*memory * 1024 > most_memory) return too_costly("memory");
    if (*passes * *memory * 1024 > most_memory_work || *lanes > most_lanes)
        return too_costly("time");
    // With several lanes the library starts a thread for each of them four times in a pass. Little
    // memory with many passes would be millions of threads, one after the other.
    constexpr std::uint64_t most_lane_passes = 16384;
    if (*lanes > 1 && *passes * *lanes > most_lane_passes) return too_costly("time");
    const int result =
        ::argon2_verify(std::string{hash.text}.c_str(), password.data(), password.size(),
                        variant == "argon2i" ? Argon2_i : Argon2_id);
    switch (result) {
    case ARGON2_OK: return Match::yes;
    case ARGON2_VERIFY_MISMATCH: return Match::no;
    case ARGON2_MEMORY_ALLOCATION_ERROR:
    case ARGON2_THREAD_FAIL:
        return trouble("compute a hash: " + std::string{::argon2_error_message(result)});
    default: return Match::malformed;
    }
}

// Three passes over 64 MB, as RFC 9106 recommends where memory is short, on one thread.
Result<std::string> make(const Scheme& scheme, std::string_view password, std::string_view salt) {
    const bool independent = same_but_for_case(scheme.name, "ARGON2I");
    char encoded[256];
    const int result = ::argon2_hash(3, 65536, 1, password.data(), password.size(), salt.data(),
                                     salt.size(), nullptr, 32, encoded, sizeof encoded,
                                     independent ? Argon2_i : Argon2_id, ARGON2_VERSION_13);
    if (result != ARGON2_OK)
        return trouble("make a hash: " + std::string{::argon2_error_message(result)});
    return std::string{encoded};
}

} // namespace

const HashLibrary argon2_library{"argon2", true, match, make};

} // namespace poppass
