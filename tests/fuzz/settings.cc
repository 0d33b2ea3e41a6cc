// Numbers of the environment and of command lines. Lines of the input: the least and the most that
// is allowed; the rest is the number's text.
#include "base/settings.hh"

#include "fuzz/target.hh"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace poppass::fuzz {

namespace {

// The value of a text of digits alone; nothing where it is none or has more than 18 that count.
std::optional<std::int64_t> number_of(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    if (text.size() > 18) return std::nullopt;
    std::int64_t number = 0;
    for (const char c : text) number = number * 10 + (c - '0');
    return number;
}

} // namespace

void try_input(std::string_view input) {
    const std::int64_t least = take_number(input);
    const std::int64_t most = least + std::int64_t{take_number(input)} * 4'295'000;
    const auto number = parse_number("NAME", input, least, most);
    const auto expected = number_of(input);
    must(static_cast<bool>(number) == (expected && *expected >= least && *expected <= most),
         "a number is digits alone, and within its bounds");
    if (number)
        must(*number == *expected, "a number is what its digits say");
    else
        must(number.error().status == ExitStatus::misused &&
                 number.error().what.find("NAME") != std::string::npos,
             "anything else is misuse that names it");

    constexpr const char* variable = "POPPASS_FUZZ";
    const std::string value{input.substr(0, input.find('\0'))};
    must(::setenv(variable, value.c_str(), 1) == 0, "set a variable");
    const auto setting = number_setting(variable, -1, least, most);
    const auto same = parse_number(variable, value, least, most);
    must(static_cast<bool>(setting) == static_cast<bool>(same),
         "a variable is a number, or misuse");
    if (setting) must(*setting == *same, "the same number");
    must(environment(variable) == std::string_view{value}, "a variable's value is whole");
    must(::unsetenv(variable) == 0, "unset a variable");
    const auto missing = number_setting(variable, -1, least, most);
    must(missing && *missing == -1, "one that is not set is what was to be taken otherwise");
}

} // namespace poppass::fuzz
