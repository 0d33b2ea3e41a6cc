#include "hash/scheme.hh"

#include "base/text.hh"
#include "hash/library.hh"

#include <algorithm>
#include <iterator>
#include <sys/random.h>

namespace poppass {

namespace {

using enum HashFunction;

// Weak are clear text, MD5, DES, SHA-1, and whatever has no salt.
constexpr Scheme schemes[] = {
    {"CRYPT", crypt, true, true},
    {"SHA512-CRYPT", crypt, true, true, "sha512crypt"},
    {"SHA256-CRYPT", crypt, true, true, "sha256crypt"},
    {"BLF-CRYPT", crypt, true, true, "bcrypt-y"}, // PHP reads only this letter everywhere
    {"MD5-CRYPT", crypt, true, false},
    {"DES-CRYPT", crypt, true, false},
    {"PLAIN", plain, false, false},
    {"CLEAR", plain, false, false},
    {"CLEARTEXT", plain, false, false},
    {"MD5", md5, false, false}, // Dovecot also stores hashes of MD5-CRYPT under this name
    {"PLAIN-MD5", md5, false, false},
    {"LDAP-MD5", md5, false, false},
    {"SMD5", md5, true, false},
    {"SHA", sha1, false, false},
    {"SHA1", sha1, false, false},
    {"SSHA", sha1, true, false},
    {"SHA256", sha256, false, false},
    {"SSHA256", sha256, true, true},
    {"SHA512", sha512, false, false},
    {"SSHA512", sha512, true, true},
    {"PBKDF2", pbkdf, true, true},
    {"ARGON2", argon2, true, true},
    {"ARGON2I", argon2, true, true},
    {"ARGON2ID", argon2, true, true},
    {"SCRAM-SHA-256", scram, true, true},
};

// nullptr: libcrypt, which is always there.
const HashLibrary* library_of(const Scheme& scheme) {
    if (scheme.function == crypt) return nullptr;
    return scheme.function == argon2 ? &argon2_library : &nettle_library;
}

// Whether a hash of the scheme is stored as bytes, which have an encoding.
bool is_encoded(const Scheme& scheme) {
    return scheme.function == plain || scheme.function == md5 || scheme.function == sha1 ||
           scheme.function == sha256 || scheme.function == sha512;
}

const Scheme* find_row(std::string_view name) {
    return std::find_if(std::begin(schemes), std::end(schemes), [name](const Scheme& row) {
        // Nearly always written so, and quickly compared.
        return row.name == name || same_but_for_case(row.name, name);
    });
}

} // namespace

Result<const Scheme*> find_scheme(std::string_view name) {
    const auto* const found = find_row(name);
    const auto refuse = [name](const std::string& why) {
        return trouble("the scheme " + one_line(name, 40) + why);
    };
    if (found == std::end(schemes)) return refuse(" is not known");
    if (const auto* const library = library_of(*found); library != nullptr && !library->built)
        return refuse(" needs lib" + std::string{library->name} + ", which this build lacks");
    return found;
}

const Scheme& crypt_scheme() { return schemes[0]; }

Result<StoredHash> split_stored(std::string_view stored, const Scheme& otherwise) {
    const std::size_t end = stored.find('}');
    if (!stored.starts_with('{') || end == stored.npos)
        return StoredHash{.scheme = &otherwise, .text = stored};
    const std::string_view name = stored.substr(1, end - 1);
    StoredHash hash{.scheme = nullptr, .prefixed = true, .text = stored.substr(end + 1)};
    std::string_view plain_name = name;
    const auto take = [&](std::string_view suffix, Encoding encoding) {
        const std::size_t dot = name.rfind('.');
        if (dot == name.npos || !same_but_for_case(name.substr(dot), suffix)) return;
        hash.encoding = encoding;
        plain_name = name.substr(0, dot);
    };
    take(".hex", Encoding::hex);
    take(".b64", Encoding::base64);
    take(".base64", Encoding::base64);
    if (otherwise.function == plain && find_row(plain_name) == std::end(schemes))
        return trouble("the scheme is not known; its name is withheld, because it may be a part of "
                       "a password");
    const auto scheme = find_scheme(plain_name);
    if (!scheme) return scheme.error();
    if (hash.encoding != Encoding::usual && !is_encoded(**scheme)) return find_scheme(name).error();
    hash.scheme = *scheme;
    return hash;
}

Result<Match> match_stored(const StoredHash& hash, std::string_view password) {
    constexpr std::size_t longest = 1024;
    if (hash.text.empty() || hash.text.size() > longest) return Match::malformed;
    const auto* const library = library_of(*hash.scheme);
    const bool md5_crypt = hash.scheme->name == "MD5" && hash.text.starts_with('$');
    if (library == nullptr || md5_crypt) return match_crypt(password, std::string{hash.text});
    return library->match(hash, password);
}

std::string_view cost_part(const StoredHash& hash) {
    std::string_view text = hash.text;
    switch (hash.scheme->function) {
    case crypt:
    case md5: return cost_part(text); // {MD5} may hold a hash of crypt(3)
    case argon2: return text.substr(0, text.rfind('$', text.rfind('$') - 1));
    case scram: return take_until(text, ',');
    case pbkdf: text = text.substr(0, text.rfind('$')); return text.substr(text.rfind('$') + 1);
    case plain:
    case sha1:
    case sha256:
    case sha512: return {};
    }
    return {};
}

Result<void> match_nothing(const Scheme& scheme, std::string_view password) {
    if (scheme.written) {
        // The empty view is for make_hash(), which refuses long passwords. All of it is read.
        const auto made = make_stored(scheme, password.substr(0, 0), {});
        return made ? Result<void>{} : made.error();
    }
    if (scheme.function != crypt) return {}; // a digest takes no time to speak of
    const auto matched = match_crypt(password, "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/");
    return matched ? Result<void>{} : matched.error();
}

const HashMethod* method_to_write(const Scheme& scheme, std::string_view old_text) {
    const bool keeps = scheme.method == "bcrypt-y" && old_text.starts_with("$2b$");
    return find_method(keeps ? "bcrypt" : std::string_view{scheme.method});
}

const Scheme& scheme_to_write(const Scheme& scheme) {
    return scheme.written ? scheme : crypt_scheme();
}

Result<std::string> make_stored(const Scheme& scheme, std::string_view password,
                                std::string_view old_text) {
    if (!scheme.written)
        return trouble("no new hash is made of the scheme " +
                       std::string{std::string_view{scheme.name}});
    if (const auto* const library = library_of(scheme)) {
        std::string salt(16, '\0');
        if (::getrandom(salt.data(), salt.size(), 0) != static_cast<ssize_t>(salt.size()))
            return system_trouble("make a salt");
        return library->make(scheme, password, salt);
    }
    const HashMethod* const named = method_to_write(scheme, old_text);
    if (named == nullptr && !scheme.method.empty())
        return trouble("libcrypt makes no hashes of the scheme " + std::string{scheme.name});
    const HashMethod& method = named != nullptr ? *named : preferred_method();
    return make_hash(password, method, cost_not_below(method, old_text));
}

} // namespace poppass
