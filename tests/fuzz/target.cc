#include "fuzz/target.hh"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace poppass::fuzz {

void must(bool holds, std::string_view property) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(property.size()),
                 property.data());
    std::abort();
}

std::string_view take(std::string_view& input, char end) {
    const std::size_t at = std::min(input.find(end), input.size());
    const std::string_view taken = input.substr(0, at);
    input.remove_prefix(std::min(at + 1, input.size()));
    return taken;
}

unsigned take_number(std::string_view& input, char end) {
    unsigned number = 0;
    for (const char c : take(input, end).substr(0, 3))
        if (c >= '0' && c <= '9') number = number * 10 + static_cast<unsigned>(c - '0');
    return number;
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// As RFC 3629 has it, by its own table.
bool is_utf8(std::string_view text) {
    const auto in = [&](std::size_t at, unsigned char from, unsigned char to) {
        const auto byte = at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
        return byte >= from && byte <= to;
    };
    const auto tail = [&](std::size_t at) { return in(at, 0x80, 0xbf); };
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        if (first < 0x80)
            i += 1;
        else if (first >= 0xc2 && first <= 0xdf && tail(i + 1))
            i += 2;
        else if (first >= 0xe0 && first <= 0xef && tail(i + 2) &&
                 in(i + 1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf))
            i += 3;
        else if (first >= 0xf0 && first <= 0xf4 && tail(i + 2) && tail(i + 3) &&
                 in(i + 1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf))
            i += 4;
        else
            return false;
    }
    return true;
}

bool is_within(std::string_view part, std::string_view whole) {
    const std::less_equal<const char*> not_after; // of pointers into different objects, too
    return not_after(whole.data(), part.data()) &&
           not_after(part.data() + part.size(), whole.data() + whole.size());
}

} // namespace poppass::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    // The fuzzer's own bytes may be a null pointer where there are none.
    poppass::fuzz::try_input(size == 0
                                 ? std::string_view{""}
                                 : std::string_view{reinterpret_cast<const char*>(bytes), size});
    return 0;
}
