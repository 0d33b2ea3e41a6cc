#include "base/text.hh"

#include <algorithm>

namespace poppass {

namespace {

constexpr char lower_letter(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool is_continuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

} // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if (!is_continuation(byte(i))) return 0;
    // No longer form than is needed, no surrogate, nothing above U+10FFFF.
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
        (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f))
        return 0;
    return length;
}

bool is_obeyed(std::string_view text) {
    return is_control(text.front()) || (text.front() == '\xc2' && text.size() > 1 &&
                                        static_cast<unsigned char>(text[1]) < 0xa0);
}

std::string for_terminal(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string shown;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
        const auto last = static_cast<unsigned char>(sequence.back());
        if (length == 0 || is_obeyed(sequence))
            shown.append("\\x").append(1, digits[last >> 4]).append(1, digits[last & 15]);
        else
            shown += sequence;
        text.remove_prefix(sequence.size());
    }
    return shown;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string_view cut_utf8(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && is_continuation(static_cast<unsigned char>(text[most]))) --most;
    return text.substr(0, most);
}

std::string_view trim(std::string_view text, std::string_view blanks) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::string_view take_until(std::string_view& text, char mark) {
    const std::size_t end = text.find(mark);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return part;
}

std::string one_line(std::string_view text, std::size_t most) {
    std::string line;
    for (const char c : text)
        if (!is_control(c))
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    return std::string{trim(cut_utf8(line, most))};
}

std::string lower(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(), lower_letter);
    return result;
}

bool same_but_for_case(std::string_view one, std::string_view other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return lower_letter(a) == lower_letter(b); });
}

} // namespace poppass
