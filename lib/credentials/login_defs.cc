#include "credentials/login_defs.hh"

#include "base/fd.hh"
#include "base/text.hh"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <optional>

namespace poppass {

namespace {

constexpr std::string_view blanks = " \t\r";

// One value of ENCRYPT_METHOD, and the settings that bound its cost. `usual` is the cost that
// shadow-utils take if none is set.
struct Method {
    FixedText<10> value;
    FixedText<14> method;
    FixedText<24> least;
    FixedText<24> most;
    std::int64_t usual;
};
constexpr Method methods[] = {
    {"DES", "", "", "", 0}, // no method: refused
    {"MD5", "", "", "", 0},
    {"SHA256", "sha256crypt", "SHA_CRYPT_MIN_ROUNDS", "SHA_CRYPT_MAX_ROUNDS", 0},
    {"SHA512", "sha512crypt", "SHA_CRYPT_MIN_ROUNDS", "SHA_CRYPT_MAX_ROUNDS", 0},
    {"BCRYPT", "bcrypt", "BCRYPT_MIN_ROUNDS", "BCRYPT_MAX_ROUNDS", 13},
    {"YESCRYPT", "yescrypt", "YESCRYPT_COST_FACTOR", "YESCRYPT_COST_FACTOR", 0},
};

// The value in the last line of that name; empty if there is none.
std::string_view find_value(std::string_view text, std::string_view name) {
    std::string_view value;
    while (!name.empty() && !text.empty()) {
        const std::string_view line = trim(take_until(text, '\n'), blanks);
        const std::string_view word = line.substr(0, line.find_first_of(blanks));
        if (word == name) value = trim(trim(line.substr(word.size()), blanks), "\"");
    }
    return value;
}

std::optional<std::int64_t> find_number(std::string_view text, std::string_view name) {
    const std::string_view value = find_value(text, name);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
    return number;
}

HashChoice preferred_instead_of(std::string_view setting) {
    const HashMethod& preferred = preferred_method();
    return {&preferred, 0,
            "login.defs: " + std::string{setting} + " is refused: new hashes are of the method " +
                std::string{preferred.name}};
}

} // namespace

Result<HashChoice> LoginDefs::hash_choice() const {
    const std::string_view value = find_value(text_, "ENCRYPT_METHOD");
    if (value.empty())
        return find_value(text_, "MD5_CRYPT_ENAB").empty() ? HashChoice{}
                                                           : preferred_instead_of("MD5_CRYPT_ENAB");
    const auto* const named =
        std::find_if(std::begin(methods), std::end(methods),
                     [&](const Method& known) { return known.value == value; });
    const bool known = named != std::end(methods);
    if (known && named->method.empty())
        return preferred_instead_of("ENCRYPT_METHOD " + std::string{value});
    const HashMethod* const method = known ? find_method(named->method) : nullptr;
    if (method == nullptr)
        return trouble("ENCRYPT_METHOD of login.defs is not known here: " + std::string{value});
    const auto least = find_number(text_, named->least);
    const auto most = find_number(text_, named->most);
    if (!least && !most) return HashChoice{method, named->usual};
    const std::int64_t cost = std::max(least.value_or(0), most.value_or(0));
    return HashChoice{method, std::clamp(cost, method->least_cost, method->most_cost)};
}

std::int64_t LoginDefs::number(std::string_view name, std::int64_t otherwise) const {
    return find_number(text_, name).value_or(otherwise);
}

bool LoginDefs::enabled(std::string_view name, bool otherwise) const {
    const std::string_view value = find_value(text_, name);
    return value.empty() ? otherwise : same_but_for_case(value, "yes");
}

Result<LoginDefs> LoginDefs::read() {
    constexpr const char* path = "/etc/login.defs";
    const Fd file{retried([] { return ::open(path, O_RDONLY | O_CLOEXEC); })};
    if (!file && errno == ENOENT) return LoginDefs{};
    if (!file) return system_trouble("open", path);
    std::string text(65536, '\0');
    const auto size = read_whole(file.get(), text);
    if (!size) return size.error();
    if (*size == text.size()) return trouble("/etc/login.defs is too long");
    text.resize(*size);
    return LoginDefs{std::move(text)};
}

} // namespace poppass
