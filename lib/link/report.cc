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

// The text within a JSON string.
std::string quoted(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
        const auto last = static_cast<unsigned char>(sequence.back());
        if (length == 0)
            out += "\xef\xbf\xbd"; // U+FFFD
        else if (is_obeyed(sequence))
            out.append("\\u00").append(1, digits[last >> 4]).append(1, digits[last & 15]);
        else
            out.append(last == '"' || last == '\\' ? "\\" : "").append(sequence);
        text.remove_prefix(sequence.size());
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

// Removes a string, as quoted() writes it, between its quotes, from the front. Returns its text.
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
        text += level + for_terminal(line.subject) + ": " + for_terminal(line.text) + "\n";
    }
    return text;
}

std::string Report::as_json() const {
    std::string text = "[";
    for (const Line& line : lines_)
        text += std::string{text.size() > 1 ? "," : ""} + "\n  {\"level\": \"" +
                std::string{level_name(line.level)} + "\", \"subject\": \"" + quoted(line.subject) +
                "\", \"text\": \"" + quoted(line.text) + "\"}";
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
    for (Line& line : lines) add(std::move(line));
    return {};
}

void Report::add(Line line) {
    if (std::find(lines_.begin(), lines_.end(), line) == lines_.end())
        lines_.push_back(std::move(line));
}

int Report::exit_status() const {
    int status = 0;
    for (const Line& line : lines_) status = std::max(status, static_cast<int>(line.level));
    return status;
}

} // namespace poppass
