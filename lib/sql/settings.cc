#include "sql/settings.hh"

#include "base/private_file.hh"
#include "base/settings.hh"
#include "base/text.hh"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <optional>

namespace poppass {

namespace {

constexpr std::size_t longest_file = 65536;
constexpr std::size_t longest_password = 1024;

constexpr std::string_view blanks = " \t\r";

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    while (!(text = trim(text, blanks)).empty()) {
        const std::size_t end = std::min(text.find_first_of(blanks), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

// The values of the file by their keys. A password is not among them.
struct Values {
    static constexpr std::string_view keys[] = {"connect",     "password_file", "timeout",
                                                "check_hosts", "user_query",    "set_query",
                                                "scheme",      "prefix",        "tls"};
    std::array<std::optional<std::string>, std::size(keys)> values;

    std::optional<std::string>* find(std::string_view key) {
        const auto* const found = std::find(std::begin(keys), std::end(keys), key);
        return found == std::end(keys) ? nullptr : &values[std::size_t(found - std::begin(keys))];
    }
    std::string get(std::string_view key) { return find(key)->value_or(""); }
};

Result<std::unique_ptr<Secret>> keep_password(std::string_view password) {
    auto secret = std::make_unique<Secret>(longest_password + 1);
    if (password.empty()) return misuse("password: it is empty");
    if (!secret->assign({password, std::string_view{"\0", 1}}))
        return misuse("password: it is too long");
    return secret;
}

// Reads the lines into `values`, and the password into `settings`. No error shows a value: it could
// be a password.
Result<void> read_lines(std::string_view text, Values& values, SqlSettings& settings) {
    std::optional<std::string>* last = nullptr; // what a further line continues
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string line_name = "line " + std::to_string(number);
        const std::string_view line = take_until(text, '\n');
        const std::string_view content = trim(line, blanks);
        if (line.find('\0') != line.npos) return misuse(line_name + " holds a NUL");
        if (content.empty() || content.starts_with('#')) continue;
        if (blanks.find(line.front()) != blanks.npos) {
            if (last == nullptr) return misuse(line_name + " continues no value");
            last->value().append("\n").append(content);
            continue;
        }
        const std::size_t equals = content.find('=');
        if (equals == content.npos) return misuse(line_name + " is not KEY = VALUE");
        const std::string_view key = trim(content.substr(0, equals), blanks);
        const std::string_view value = trim(content.substr(equals + 1), blanks);
        last = nullptr;
        if (key == "password") {
            if (settings.password) return misuse(line_name + ": password is there twice");
            auto password = keep_password(value);
            if (!password) return password.error();
            settings.password = std::move(*password);
            continue;
        }
        last = values.find(key);
        if (last == nullptr) return misuse(line_name + ": no such key: " + one_line(key, 40));
        if (*last) return misuse(line_name + ": " + std::string{key} + " is there twice");
        *last = std::string{value};
    }
    return {};
}

Result<void> read_password(const std::string& path, SqlSettings& settings) {
    if (settings.password) return misuse("password and password_file exclude each other");
    Secret bytes{longest_password + 2};
    if (const auto owner = read_private_file("password_file", path, bytes); !owner)
        return owner.error();
    if (bytes.view().ends_with('\n')) bytes.resize(bytes.size() - 1);
    if (bytes.view().find('\0') != std::string_view::npos)
        return misuse("password_file: " + path + " holds a NUL");
    auto password = keep_password(bytes.view());
    if (!password) return password.error();
    settings.password = std::move(*password);
    return {};
}

} // namespace

Result<SqlSettings> SqlSettings::parse(std::string_view text, SqlDialect dialect) {
    SqlSettings settings;
    Values values;
    if (auto done = read_lines(text, values, settings); !done) return done.error();
    for (const std::string_view needed : {"connect", "user_query"})
        if (values.get(needed).empty()) return misuse(std::string{needed} + " must be set");
    settings.connect = values.get("connect");
    for (const std::string& word : split_words(values.get("check_hosts"))) {
        auto host = SqlHost::parse(word);
        if (!host) return misuse("check_hosts: " + host.error().what);
        settings.check_hosts.push_back(std::move(*host));
    }
    if (const auto& path = *values.find("password_file"))
        if (auto done = read_password(*path, settings); !done) return done.error();
    if (const auto& timeout = *values.find("timeout")) {
        const auto seconds = parse_number("timeout", *timeout, 1, 3600);
        if (!seconds) return seconds.error();
        settings.limit = std::chrono::seconds{*seconds};
    }
    if (const auto& scheme = *values.find("scheme")) settings.scheme = *scheme;
    if (const auto& prefix = *values.find("prefix")) {
        if (*prefix != "yes" && *prefix != "no" && *prefix != "keep")
            return misuse("prefix must be yes, no or keep");
        settings.prefix = *prefix == "yes"  ? Prefix::yes
                          : *prefix == "no" ? Prefix::no
                                            : Prefix::keep;
    }
    if (const auto& tls = *values.find("tls")) {
        if (*tls != "verify" && *tls != "no") return misuse("tls must be verify or no");
        settings.tls = *tls == "verify" ? Tls::verify : Tls::no;
    }
    auto query = parse_user_query(values.get("user_query"), dialect);
    if (!query) return query.error();
    settings.user_query = std::move(*query);
    if (const auto& change = *values.find("set_query")) {
        auto statements = parse_set_query(*change, dialect);
        if (!statements) return statements.error();
        settings.set_query = std::move(*statements);
    }
    return settings;
}

Result<SqlSettings> SqlSettings::read(const std::string& path, SqlDialect dialect) {
    Secret bytes{longest_file + 1};
    const auto owner = read_private_file("-c", path, bytes);
    if (!owner) return owner.error();
    auto settings = parse(bytes.view(), dialect);
    if (!settings) return Error{settings.error().status, path + ": " + settings.error().what};
    settings->owner_is_root = *owner == 0;
    return settings;
}

} // namespace poppass
