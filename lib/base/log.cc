#include "base/log.hh"

#include <algorithm>
#include <charconv>
#include <unistd.h>

namespace poppass {

namespace {

struct Escaped {
    char bytes[4];
    std::size_t size;
    std::string_view view() const { return {bytes, size}; }
};

Escaped escape(char c, std::string_view also) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && also.find(c) == also.npos) return {{c}, 1};
    return {{'\\', 'x', digits[byte >> 4], digits[byte & 15]}, 4};
}

} // namespace

bool LogLine::put(std::string_view bytes) {
    if (bytes.size() > bytes_.size() - size_) return false;
    size_ += bytes.copy(bytes_.data() + size_, bytes.size());
    return true;
}

LogLine& LogLine::add(std::string_view key, std::string_view value) {
    const std::size_t before = size_;
    if (!((size_ == 0 || put(" ")) && put(key) && put("="))) {
        size_ = before;
        return *this;
    }
    constexpr std::string_view cut = "...";
    const auto escaped = [](char c) { return escape(c, " =\"\\"); };
    std::size_t whole = 0;
    for (const char c : value) whole += escaped(c).size;
    std::size_t end = std::min(size_ + longest_value, bytes_.size());
    if (size_ + whole > end) end -= cut.size();
    for (const char c : value) {
        if (size_ + escaped(c).size > end) {
            put(cut);
            break;
        }
        put(escaped(c).view());
    }
    return *this;
}

LogLine& LogLine::add(std::string_view key, std::int64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return add(key, {digits, static_cast<std::size_t>(end - digits)});
}

void complain(std::string_view program, std::string_view message) {
    std::array<char, LogLine::longest> line;
    std::size_t size = 0;
    const auto put = [&](std::string_view bytes) {
        size += bytes.copy(line.data() + size, line.size() - 1 - size);
    };
    put(program);
    put(": ");
    for (const char c : message) {
        const Escaped escaped = escape(c, {});
        if (size + escaped.size > line.size() - 1) break;
        put(escaped.view());
    }
    line[size++] = '\n';
    // Where this fails, there is nobody left to tell.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), size);
}

} // namespace poppass
