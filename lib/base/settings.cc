#include "base/settings.hh"

#include <charconv>
#include <cstdlib>
#include <unistd.h>

namespace poppass {

std::optional<std::string_view> environment(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    return value;
}

std::vector<std::string> environment_with(std::string_view name, std::string_view value) {
    const std::string start = std::string{name} + "=";
    std::vector<std::string> variables{start + std::string{value}};
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (!std::string_view{*variable}.starts_with(start)) variables.emplace_back(*variable);
    return variables;
}

Result<std::int64_t> parse_number(std::string_view name, std::string_view text, std::int64_t least,
                                  std::int64_t most) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    if (!whole || text.front() == '-' || number < least || number > most)
        return misuse(std::string{name} + " must be a number from " + std::to_string(least) +
                      " to " + std::to_string(most));
    return number;
}

Result<std::int64_t> number_setting(const char* name, std::int64_t otherwise, std::int64_t least,
                                    std::int64_t most) {
    const auto text = environment(name);
    if (!text) return otherwise;
    return parse_number(name, *text, least, most);
}

} // namespace poppass
