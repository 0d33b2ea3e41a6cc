#include "hash/crypt_hash.hh"

#include "base/secret.hh"
#include "hash/crypt_cost.hh"

#include <algorithm>
#include <charconv>
#include <crypt.h>
#include <new>

namespace poppass {

namespace {

// See crypt(5). NT hashes are left out because they have no salt, bigcrypt because it has no prefix
// of its own. The usual costs are libcrypt's, except for scrypt and bcrypt, where those are below
// what OWASP's table of costs asks for today.
constexpr HashMethod methods[] = {
    {"yescrypt", "$y$", 1, 11, 0, 0, false},
    {"gost-yescrypt", "$gy$", 1, 11, 0, 0, false},
    {"scrypt", "$7$", 6, 11, 8, 0, false},
    {"bcrypt", "$2b$", 4, most_bcrypt_cost, 12, 72, false},
    {"bcrypt-y", "$2y$", 4, most_bcrypt_cost, 12, 72, false},
    {"bcrypt-a", "$2a$", 4, most_bcrypt_cost, 12, 72, false},
    {"sha512crypt", "$6$", 1000, most_rounds, 0, 0, false},
    {"sha256crypt", "$5$", 1000, most_rounds, 0, 0, false},
    {"sha1crypt", "$sha1", 4, most_rounds, 0, 0, false},
    {"sunmd5", "$md5", 4096, most_rounds, 0, 0, false},
    {"md5crypt", "$1$", 0, 0, 0, 0, false},
    {"bsdicrypt", "_", 1, 16'777'215, 0, 0, true},
    {"descrypt", "", 0, 0, 0, 8, true},
};

// crypt_data is 32 kB and may hold traces of the password. So it lies on the pages of a Secret,
// which wipes them. The pages begin as zeros, as crypt_r wants them.
class Crypt {
public:
    // The result of crypt(3). It is empty if the setting is malformed or if there is no memory:
    // some methods report that as a bad setting, too.
    std::string_view operator()(std::string_view password, const std::string& setting) {
        const char* const output = ::crypt_r(password.data(), setting.c_str(), data_);
        const bool failed = output == nullptr || output[0] == '*';
        return failed ? std::string_view{} : std::string_view{output};
    }

private:
    Secret pages_{sizeof(crypt_data)};
    crypt_data* data_ = new (pages_.storage().data()) crypt_data;
};

// Compares in constant time: where the two differ does not change how long it takes.
bool equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i] ^ b[i]));
    return difference == 0;
}

Result<std::string> make_setting(const HashMethod& method, std::int64_t cost) {
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (cost == 0) cost = method.usual_cost;
    errno = 0;
    // Without random bytes from us, libcrypt asks the kernel for some.
    if (::crypt_gensalt_rn(method.prefix.c_str(), static_cast<unsigned long>(cost), nullptr, 0,
                           setting, sizeof setting) == nullptr)
        return system_trouble("make a salt for", method.name);
    return std::string{setting};
}

std::size_t count_bytes_read(const HashMethod& method, std::string_view password) {
    return method.longest == 0 ? password.size() : std::min(method.longest, password.size());
}

} // namespace

const HashMethod* find_method(std::string_view name) {
    const auto* const found = std::find_if(std::begin(methods), std::end(methods),
                                           [&](const auto& method) { return method.name == name; });
    // libcrypt may have been built without the old methods.
    return found != std::end(methods) && make_setting(*found, 0) ? found : nullptr;
}

const HashMethod& preferred_method() {
    const char* const prefix = ::crypt_preferred_method();
    for (const auto& method : methods)
        if (prefix != nullptr && method.prefix == prefix) return method;
    return methods[0];
}

Result<void> check_cost(const HashMethod& method, std::int64_t cost) {
    if (cost == 0 || (cost >= method.least_cost && cost <= method.most_cost)) return {};
    const std::string name{method.name};
    if (method.most_cost == 0) return misuse("the cost of " + name + " cannot be chosen");
    return misuse("the cost of " + name + " must be from " + std::to_string(method.least_cost) +
                  " to " + std::to_string(method.most_cost));
}

std::string_view cost_part(std::string_view hash) {
    if (!hash.starts_with('$')) return hash.substr(0, hash.starts_with('_') ? 5 : 0);
    if (hash.starts_with("$7$")) return hash.substr(0, 14);
    // These methods choose the number of rounds at random, near the one that was asked for.
    if (hash.starts_with("$sha1$")) return hash.substr(0, 6);
    if (hash.starts_with("$md5")) return hash.substr(0, 4);
    const auto method = std::min(hash.find('$', 1), hash.size() - 1) + 1;
    const auto parameter = hash.substr(method);
    const bool has_parameter = hash.starts_with("$2") || hash.starts_with("$y$") ||
                               hash.starts_with("$gy$") || parameter.starts_with("rounds=");
    const auto end = parameter.find('$');
    return has_parameter && end != parameter.npos ? hash.substr(0, method + end + 1)
                                                  : hash.substr(0, method);
}

std::int64_t cost_not_below(const HashMethod& method, std::string_view old_hash) {
    const std::string_view prefix{method.prefix};
    const bool bcrypt = prefix.starts_with("$2") && old_hash.starts_with("$2");
    const bool sha = (prefix == "$5$" || prefix == "$6$") &&
                     old_hash.starts_with(std::string{prefix} + "rounds=");
    if (!bcrypt && !sha) return 0;
    std::string_view number = cost_part(old_hash);
    number.remove_prefix(std::min<std::size_t>(bcrypt ? 4 : 10, number.size()));
    std::int64_t cost = 0;
    std::from_chars(number.data(), number.data() + number.size(), cost);
    const bool above = cost > (bcrypt ? method.usual_cost : 5000) && cost <= method.most_cost;
    return above ? cost : 0;
}

Result<std::string> make_hash(std::string_view password, const HashMethod& method,
                              std::int64_t cost) {
    if (auto good = check_cost(method, cost); !good) return good.error();
    if (count_bytes_read(method, password) < password.size())
        return Error{ExitStatus::rejected, "your new password is longer than " +
                                               std::to_string(method.longest) + " bytes"};
    if (method.seven_bit && std::any_of(password.begin(), password.end(),
                                        [](char c) { return static_cast<unsigned char>(c) > 127; }))
        return Error{ExitStatus::rejected, "your new password must be plain ASCII"};

    const auto setting = make_setting(method, cost);
    if (!setting) return setting.error();
    Crypt crypt;
    const auto hash = crypt(password, *setting);
    if (hash.empty()) return trouble("make a hash of method " + std::string{method.name});
    return std::string{hash};
}

Result<Match> match_crypt(std::string_view password, const std::string& hash) {
    if (auto good = check_stored_cost(hash); !good) return good.error();
    Crypt crypt;
    const auto output = crypt(password, hash);
    // A setting alone, or a hash with extra bytes, is malformed, too.
    if (hash.empty() || output.size() != hash.size()) return Match::malformed;
    return equal(output, hash) ? Match::yes : Match::no;
}

Result<bool> verify_hash(std::string_view password, const std::string& hash,
                         const std::string& usual) {
    const auto match = match_crypt(password, hash);
    if (!match) return match.error();
    if (*match != Match::malformed) return *match == Match::yes;

    Crypt crypt;
    if (check_stored_cost(usual) && !crypt(password, usual).empty()) return false;
    const auto setting = make_setting(preferred_method(), 0);
    if (!setting) return setting.error();
    // This setting is good. If it fails, there is no memory, whoever the user is.
    if (crypt(password, *setting).empty()) return trouble("compute a hash: not enough memory");
    return false;
}

bool is_hash(std::string_view text) {
    constexpr std::size_t salt = 2, block = 11; // of descrypt and bigcrypt
    constexpr std::string_view digits =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const bool prefixed = text.starts_with('$') || text.starts_with('_');
    if (!prefixed && (text.size() <= salt || text.size() % block != salt ||
                      text.find_first_not_of(digits) != text.npos))
        return false;
    const int known = ::crypt_checksalt(std::string{text}.c_str());
    return known == CRYPT_SALT_OK || known == CRYPT_SALT_METHOD_LEGACY;
}

} // namespace poppass
