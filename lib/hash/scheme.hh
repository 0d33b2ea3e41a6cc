// The schemes of hashes that Dovecot names: verifies passwords against them, and makes new hashes
// of those that are not weak. Dovecot's documentation of password schemes is the source of the
// names and forms. Those of crypt(3) are verified by libcrypt, the others by libnettle and
// libargon2, which a build may lack.
#pragma once

#include "base/fixed_text.hh"
#include "base/result.hh"
#include "hash/crypt_hash.hh"

#include <string>
#include <string_view>

namespace poppass {

enum class HashFunction { crypt, plain, md5, sha1, sha256, sha512, pbkdf, argon2, scram };

struct Scheme {
    FixedText<14> name;
    HashFunction function;
    bool salted;
    bool written;              // false: it is weak, and verified only
    FixedText<12> method = {}; // of crypt(3), of new hashes; empty: the preferred one
};

enum class Encoding { usual, base64, hex };

// A hash as it is stored, taken apart.
struct StoredHash {
    const Scheme* scheme;  // never nullptr
    bool prefixed = false; // whether it begins with {SCHEME}
    Encoding encoding = Encoding::usual;
    std::string_view text = {}; // what follows the prefix; points into the stored text
};

// The scheme of that name, in any case of letters. A name that is not known is trouble, and so is
// one for which this build lacks a library; the message says which.
Result<const Scheme*> find_scheme(std::string_view name);

// CRYPT, which every build has.
const Scheme& crypt_scheme();

// Takes a stored hash apart. Its prefix is {NAME}, or {NAME.hex} or {NAME.b64} where Dovecot
// encodes the hash. Without a prefix it is of the scheme `otherwise`. Trouble as find_scheme's; but
// if that scheme is clear text, a name that is not known is not told, because it may be a part of a
// password.
Result<StoredHash> split_stored(std::string_view stored, const Scheme& otherwise);

// Whether the password belongs to the hash. A NUL follows the password. The comparison takes
// constant time. A hash that asks for too much memory or time is trouble, before anything is
// computed.
Result<Match> match_stored(const StoredHash& hash, std::string_view password);

// The part of the hash that tells, together with its scheme, how long it takes to compute.
std::string_view cost_part(const StoredHash& hash);

// Takes about the time that match_stored() takes for a usual hash of the scheme, for users that
// have none. An error is trouble: there is no memory.
Result<void> match_nothing(const Scheme& scheme, std::string_view password);

// The scheme of a new hash in the place of one of this scheme: itself, or CRYPT if it is weak.
const Scheme& scheme_to_write(const Scheme& scheme);

// The method of crypt(3) that the scheme names; nullptr if it names none. An old bcrypt hash keeps
// its letter ($2b$ or $2y$).
const HashMethod* method_to_write(const Scheme& scheme, std::string_view old_text);

// A new hash without its prefix, of a scheme that is written. A NUL follows the password. One of
// crypt(3) costs no less than the old hash. A password that the scheme would cut is refused
// (rejected, with text for the user).
Result<std::string> make_stored(const Scheme& scheme, std::string_view password,
                                std::string_view old_text);

} // namespace poppass
