// The schemes that libnettle computes: clear text, plain and salted digests, PBKDF2 (RFC 8018) and
// SCRAM-SHA-256 (RFC 5802 and 7677).

#include "base/secret.hh"
#include "base/text.hh"
#include "hash/crypt_cost.hh"
#include "hash/library.hh"

#include <charconv>
#include <cstdint>
#include <nettle/base16.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <new>
#include <optional>
#include <span>
#include <vector>

namespace poppass {

namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// What OWASP's table of costs asks for.
constexpr unsigned usual_pbkdf2_rounds = 1'300'000;
constexpr unsigned usual_scram_rounds = 600'000;

View octets(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Match compare(View a, View b) {
    const bool equal =
        a.size() == b.size() && (a.empty() || ::memeql_sec(a.data(), b.data(), a.size()) != 0);
    return equal ? Match::yes : Match::no;
}

std::optional<Bytes> decode_base64(std::string_view text) {
    Bytes bytes(BASE64_DECODE_LENGTH(text.size()) + 1);
    std::size_t size = bytes.size();
    base64_decode_ctx context;
    ::base64_decode_init(&context);
    if (::base64_decode_update(&context, &size, bytes.data(), text.size(), text.data()) == 0 ||
        ::base64_decode_final(&context) == 0)
        return std::nullopt;
    bytes.resize(size);
    return bytes;
}

std::optional<Bytes> decode_hex(std::string_view text) {
    Bytes bytes(BASE16_DECODE_LENGTH(text.size()) + 1);
    std::size_t size = bytes.size();
    base16_decode_ctx context;
    ::base16_decode_init(&context);
    if (::base16_decode_update(&context, &size, bytes.data(), text.size(), text.data()) == 0 ||
        ::base16_decode_final(&context) == 0)
        return std::nullopt;
    bytes.resize(size);
    return bytes;
}

std::string encode_base64(View bytes) {
    std::string text(BASE64_ENCODE_RAW_LENGTH(bytes.size()), '\0');
    ::base64_encode_raw(text.data(), bytes.size(), bytes.data());
    return text;
}

std::string encode_hex(View bytes) {
    std::string text(BASE16_ENCODE_LENGTH(bytes.size()), '\0');
    ::base16_encode_update(text.data(), bytes.size(), bytes.data());
    return text;
}

// A number without a sign, from 1 to the most that a stored hash may ask for. Nothing if it is
// none.
Result<std::optional<unsigned>> parse_rounds(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::invalid_argument || end != text.data() + text.size() ||
        (error == std::errc{} && number == 0))
        return std::optional<unsigned>{};
    if (error != std::errc{} || number > most_rounds) return too_costly("time");
    return std::optional{static_cast<unsigned>(number)};
}

const nettle_hash& digest_of(HashFunction function) {
    if (function == HashFunction::md5) return nettle_md5;
    if (function == HashFunction::sha1) return nettle_sha1;
    return function == HashFunction::sha256 ? nettle_sha256 : nettle_sha512;
}

// The digest of the password and, after it, the salt. The function's state lies on pages that are
// wiped.
Bytes digest(const nettle_hash& hash, View password, View salt) {
    Secret state{hash.context_size};
    void* const context = state.storage().data();
    hash.init(context);
    hash.update(context, password.size(), password.data());
    hash.update(context, salt.size(), salt.data());
    Bytes out(hash.digest_size);
    hash.digest(context, out.size(), out.data());
    return out;
}

Match match_digest(const StoredHash& stored, std::string_view password) {
    const nettle_hash& hash = digest_of(stored.scheme->function);
    // In hexadecimal a digest is longer than in base64.
    const bool hex = stored.encoding == Encoding::hex ||
                     (stored.encoding == Encoding::usual && !stored.scheme->salted &&
                      stored.text.size() == 2 * hash.digest_size);
    const auto bytes = hex ? decode_hex(stored.text) : decode_base64(stored.text);
    if (!bytes || bytes->size() < hash.digest_size ||
        (!stored.scheme->salted && bytes->size() != hash.digest_size))
        return Match::malformed;
    const auto [whole, size] = std::pair{View{*bytes}, hash.digest_size};
    return compare(digest(hash, octets(password), whole.subspan(size)), whole.first(size));
}

Match match_plain(const StoredHash& stored, std::string_view password) {
    if (stored.encoding == Encoding::usual) return compare(octets(stored.text), octets(password));
    auto bytes =
        stored.encoding == Encoding::hex ? decode_hex(stored.text) : decode_base64(stored.text);
    if (!bytes || bytes->empty()) return Match::malformed;
    const Match match = compare(*bytes, octets(password));
    wipe({reinterpret_cast<char*>(bytes->data()), bytes->size()});
    return match;
}

// Dovecot's form: $1$SALT$ROUNDS$HEXADECIMAL, with HMAC-SHA-1 and the salt as it is written.
std::string pbkdf2_text(std::string_view password, std::string_view salt, unsigned rounds) {
    Bytes key(SHA1_DIGEST_SIZE);
    ::pbkdf2_hmac_sha1(password.size(), octets(password).data(), rounds, salt.size(),
                       octets(salt).data(), key.size(), key.data());
    return "$1$" + std::string{salt} + "$" + std::to_string(rounds) + "$" + encode_hex(key);
}

Result<Match> match_pbkdf2(std::string_view text, std::string_view password) {
    std::string_view rest = text;
    if (!take_until(rest, '$').empty() || take_until(rest, '$') != "1") return Match::malformed;
    const std::string_view salt = take_until(rest, '$');
    const auto rounds = parse_rounds(take_until(rest, '$'));
    if (!rounds) return rounds.error();
    if (!*rounds || rest.size() != 2 * SHA1_DIGEST_SIZE) return Match::malformed;
    return compare(octets(pbkdf2_text(password, salt, **rounds)), octets(text));
}

Bytes hmac_sha256(View key, std::string_view message) {
    Secret state{sizeof(hmac_sha256_ctx)};
    auto* const context = new (state.storage().data()) hmac_sha256_ctx;
    ::hmac_sha256_set_key(context, key.size(), key.data());
    ::hmac_sha256_update(context, message.size(), octets(message).data());
    Bytes out(SHA256_DIGEST_SIZE);
    ::hmac_sha256_digest(context, out.size(), out.data());
    return out;
}

// ROUNDS,SALT,STORED-KEY,SERVER-KEY, the last three in base64.
std::string scram_text(std::string_view password, View salt, unsigned rounds) {
    Bytes salted(SHA256_DIGEST_SIZE);
    ::pbkdf2_hmac_sha256(password.size(), octets(password).data(), rounds, salt.size(), salt.data(),
                         salted.size(), salted.data());
    const Bytes client = hmac_sha256(salted, "Client Key");
    const std::string text = std::to_string(rounds) + "," + encode_base64(salt) + "," +
                             encode_base64(digest(nettle_sha256, client, {})) + "," +
                             encode_base64(hmac_sha256(salted, "Server Key"));
    wipe({reinterpret_cast<char*>(salted.data()), salted.size()});
    return text;
}

Result<Match> match_scram(std::string_view text, std::string_view password) {
    std::string_view rest = text;
    const auto rounds = parse_rounds(take_until(rest, ','));
    if (!rounds) return rounds.error();
    const auto salt = decode_base64(take_until(rest, ','));
    const auto stored = decode_base64(take_until(rest, ','));
    if (!*rounds || !salt || !stored || stored->size() != SHA256_DIGEST_SIZE)
        return Match::malformed;
    return compare(octets(scram_text(password, *salt, **rounds)), octets(text));
}

Result<Match> match(const StoredHash& hash, std::string_view password) {
    switch (hash.scheme->function) {
    case HashFunction::plain: return match_plain(hash, password);
    case HashFunction::pbkdf: return match_pbkdf2(hash.text, password);
    case HashFunction::scram: return match_scram(hash.text, password);
    case HashFunction::md5:
    case HashFunction::sha1:
    case HashFunction::sha256:
    case HashFunction::sha512: return match_digest(hash, password);
    case HashFunction::crypt:
    case HashFunction::argon2: break;
    }
    return trouble("the scheme is not one of libnettle");
}

Result<std::string> make(const Scheme& scheme, std::string_view password, std::string_view salt) {
    if (scheme.function == HashFunction::pbkdf)
        return pbkdf2_text(password, encode_hex(octets(salt)), usual_pbkdf2_rounds);
    if (scheme.function == HashFunction::scram)
        return scram_text(password, octets(salt), usual_scram_rounds);
    Bytes bytes = digest(digest_of(scheme.function), octets(password), octets(salt));
    bytes.insert(bytes.end(), salt.begin(), salt.end());
    return encode_base64(bytes);
}

} // namespace

const HashLibrary nettle_library{"nettle", true, match, make};

} // namespace poppass
