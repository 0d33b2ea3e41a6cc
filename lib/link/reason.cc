#include "link/reason.hh"

#include "base/text.hh"
#include "link/record.hh"

#include <algorithm>

namespace poppass {

namespace {

constexpr std::size_t code_size = 4; // and the space or hyphen after it

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_reply(std::string_view line) {
    return line.size() >= code_size && (line[0] == '4' || line[0] == '5') && is_digit(line[1]) &&
           is_digit(line[2]) && (line[3] == ' ' || line[3] == '-');
}

// What a terminal may obey beside the control bytes: a control character of UTF-8, or its byte in
// an 8-bit character set.
bool begins_with_control(std::string_view text) {
    const bool is_byte = utf8_length(text) == 0;
    return is_byte ? static_cast<unsigned char>(text.front()) < 0xa0 : is_obeyed(text);
}

std::string_view without_tag(std::string_view text) {
    const std::size_t tag = text.rfind("(#");
    if (tag == text.npos || text.back() != ')') return text;
    return trim(text.substr(0, tag));
}

} // namespace

void ReasonReader::take(std::string_view bytes) {
    for (const char c : bytes) {
        if (found_) return;
        if (c == '\n') {
            end_line();
        } else if (!is_control(c) && line_.size() < line_.capacity()) {
            line_.storage()[line_.size()] = c;
            line_.resize(line_.size() + 1);
        }
    }
}

void ReasonReader::end_line() {
    found_ = is_reply(line_.view());
    if (!found_) line_.wipe();
}

void ReasonReader::show(std::string_view text) {
    shown_.wipe();
    for (std::size_t size = 0; !text.empty(); text.remove_prefix(size)) {
        size = std::max<std::size_t>(utf8_length(text), 1);
        if (begins_with_control(text)) continue;
        text.copy(shown_.storage().data() + shown_.size(), size);
        shown_.resize(shown_.size() + size);
    }
}

std::string_view ReasonReader::reason() {
    if (!found_) end_line(); // the last line may have no line feed
    if (!found_) return {};
    const std::string_view line = line_.view().substr(code_size);
    // A password that begins before this cut is whole in the line, so reason_for_log finds it.
    show(cut_utf8(line, line_.capacity() - code_size - longest_record));
    std::string_view text = trim(shown_.view());
    if (!text.empty()) text = without_tag(text);
    return trim(cut_utf8(text, longest_reason));
}

std::string_view ReasonReader::line() {
    return reason().empty() ? std::string_view{} : line_.view();
}

std::string_view ReasonReader::reason_for_log(std::initializer_list<std::string_view> passwords) {
    if (reason().empty()) return {};
    const bool told = for_log(line_.view().substr(code_size), passwords) == withheld;
    return told ? withheld : reason();
}

} // namespace poppass
