// Text in a table of constants.
#pragma once

#include <cstddef>
#include <string_view>

namespace poppass {

// Holds fewer than `size` bytes of text in itself; a longer text does not compile. Each pointer in
// a table is relocated at every start of a static-pie program, and a table of these has none.
template <std::size_t size> class FixedText {
public:
    consteval FixedText(const char* text = "", const char* more = "") {
        char* end = bytes_;
        for (const char* part : {text, more})
            while (*part != '\0') *end++ = *part++;
        *end = '\0';
    }

    constexpr bool empty() const { return *bytes_ == '\0'; }
    constexpr const char* c_str() const { return bytes_; }
    constexpr operator std::string_view() const { return bytes_; }
    friend constexpr bool operator==(const FixedText& text, std::string_view other) {
        return std::string_view{text} == other;
    }

private:
    char bytes_[size]{};
};

} // namespace poppass
