#include "link/report.hh"

#include "base/text.hh"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace poppass {

namespace {

constexpr std::array<std::string_view, 3> level_names{"ok", "warning", "error"};

std::string_view level_name(Report::Level level) {
    return level_names[static_cast<std::size_t>(level)];
}

void append_hex(std::string& out, std::string_view before, unsigned value) {
    constexpr std::string_view digits = "0123456789abcdef";
    out.append(before).append(1, digits[value >> 4 & 15]).append(1, digits[value & 15]);
}

// ASCII's control bytes, and U+0080 to U+009F, which some terminals obey.
bool is_obeyed(std::string_view sequence) {
    return is_control(sequence.front()) ||
           (sequence.front() == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0);
}

// The text as a JSON string, or for a terminal, where `"` is a plain character.
std::string shown(std::string_view text, bool json) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
        const std::string_view sequence = text.substr(0, length);
        const auto last = static_cast<unsigned char>(sequence.back());
        if (utf8_length(text) == 0) {
            if (json)
                out += "\xef\xbf\xbd"; // U+FFFD
            else
                append_hex(out, "\\x", last);
        } else if (is_obeyed(sequence)) {
            append_hex(out, json ? "\\u00" : "\\x", last);
        } else {
            if (json && (last == '"' || last == '\\')) out += '\\';
            out += sequence;
        }
        text.remove_prefix(length);
    }
    return out;
}

// Removes `wanted` from the front.
bool take(std::string_view& text, std::string_view wanted) {
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(wanted.size());
    return true;
}

// Removes the two digits that follow `\u00` from the front. Returns their control character.
std::optional<std::string> take_control(std::string_view& text) {
    constexpr std::string_view digits = "0123456789abcdef";
    if (text.size() < 2) return std::nullopt;
    const std::size_t high = digits.find(text[0]), low = digits.find(text[1]);
    if (high == digits.npos || low == digits.npos) return std::nullopt;
    const char byte = static_cast<char>(high * 16 + low);
    const std::string character = high < 8 ? std::string(1, byte) : std::string{'\xc2', byte};
    if (utf8_length(character) == 0 || !is_obeyed(character)) return std::nullopt;
    text.remove_prefix(2);
    return character;
}

// Removes a string, as shown() writes it with its quotes, from the front. Returns its text.
std::optional<std::string> take_string(std::string_view& text) {
    if (!take(text, "\"")) return std::nullopt;
    std::string out;
    while (!take(text, "\"")) {
        if (take(text, "\\u00")) {
            const auto character = take_control(text);
            if (!character) return std::nullopt;
            out += *character;
            continue;
        }
        const bool escaped = take(text, "\\");
        const std::size_t length = utf8_length(text);
        if (length == 0 || is_obeyed(text)) return std::nullopt;
        if (escaped && text.front() != '"' && text.front() != '\\') return std::nullopt;
        out += text.substr(0, length);
        text.remove_prefix(length);
    }
    return out;
}

} // namespace

std::string Report::as_text() const {
    std::string text;
    for (const Line& line : lines_) {
        std::string level{level_name(line.level)};
        level.resize(9, ' ');
        text += level + shown(line.subject, false) + ": " + shown(line.text, false) + "\n";
    }
    return text;
}

std::string Report::as_json() const {
    std::string text = "[";
    for (const Line& line : lines_)
        text += std::string{text.size() > 1 ? "," : ""} + "\n  {\"level\": \"" +
                std::string{level_name(line.level)} + "\", \"subject\": \"" +
                shown(line.subject, true) + "\", \"text\": \"" + shown(line.text, true) + "\"}";
    return text + "\n]\n";
}

Result<void> Report::add_json(std::string_view json) {
    const Error strange = trouble("this is no report");
    std::vector<Line> lines;
    if (!take(json, "[")) return strange;
    while (!json.starts_with("\n]")) {
        if (!lines.empty() && !take(json, ",")) return strange;
        if (!take(json, "\n  {\"level\": ")) return strange;
        const auto name = take_string(json);
        const auto level =
            name ? std::find(level_names.begin(), level_names.end(), *name) : level_names.end();
        if (level == level_names.end() || !take(json, ", \"subject\": ")) return strange;
        auto subject = take_string(json);
        if (!subject || !take(json, ", \"text\": ")) return strange;
        auto text = take_string(json);
        if (!text || !take(json, "}")) return strange;
        lines.push_back({static_cast<Level>(level - level_names.begin()), std::move(*subject),
                         std::move(*text)});
    }
    if (json != "\n]\n") return strange;
    std::move(lines.begin(), lines.end(), std::back_inserter(lines_));
    return {};
}

int Report::exit_status() const {
    int status = 0;
    for (const Line& line : lines_) status = std::max(status, static_cast<int>(line.level));
    return status;
}

} // namespace poppass
