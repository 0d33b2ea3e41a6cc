#include "base/withheld.hh"

#include <algorithm>
#include <cstddef>

namespace poppass {

namespace {

constexpr std::size_t told_by_beginning = 8;

// Whether programs that pass a text on leave this byte as it is. They may remove or add blanks and
// control characters, also U+0080 to U+009F, as UTF-8 or as bytes of an 8-bit character set.
bool stays(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return (value > 0x20 && value < 0x7f) || (value >= 0xa0 && value != 0xc2);
}

// The value of a hexadecimal digit; 16 or more for another byte.
unsigned digit(char byte) {
    if (byte >= '0' && byte <= '9') return static_cast<unsigned>(byte - '0');
    const char small = static_cast<char>(byte | 0x20);
    return small >= 'a' && small <= 'f' ? static_cast<unsigned>(small - 'a' + 10) : 16;
}

// Reads the bytes that stay, without a copy, because they may be a password.
class Bytes {
public:
    Bytes(std::string_view text, bool escaped) : rest_(text), escaped_(escaped) {}

    // Whether there was one more.
    bool take(char& byte) {
        while (!rest_.empty()) {
            byte = next();
            if (stays(byte)) return true;
        }
        return false;
    }

    bool first_stays() const {
        Bytes copy = *this;
        return stays(copy.next());
    }

private:
    char next() {
        char byte = rest_.front();
        std::size_t size = 1;
        if (escaped_ && rest_.size() >= 4 && rest_.starts_with("\\x") &&
            (digit(rest_[2]) | digit(rest_[3])) < 16) {
            byte = static_cast<char>(digit(rest_[2]) * 16 + digit(rest_[3]));
            size = 4;
        }
        rest_.remove_prefix(size);
        return byte;
    }

    std::string_view rest_;
    bool escaped_;
};

// Whether the text begins with the password, or ends within it.
bool begins_with(Bytes text, Bytes password) {
    std::size_t same = 0;
    for (char wanted, byte; password.take(wanted); ++same) {
        if (!text.take(byte)) return same >= told_by_beginning;
        if (byte != wanted) return false;
    }
    return true;
}

} // namespace

bool tells(std::string_view text, std::string_view password) {
    if (password.empty()) return false;
    if (std::none_of(password.begin(), password.end(), stays))
        return text.find_first_of(password) != text.npos;
    // Only where a byte stays: otherwise a long run of blanks would be read once from each of them.
    for (; !text.empty(); text.remove_prefix(1))
        for (const bool escaped : {false, true}) {
            const Bytes here{text, escaped};
            if (here.first_stays() && begins_with(here, {password, false})) return true;
        }
    return false;
}

std::string_view for_log(std::string_view text, std::span<const std::string_view> passwords) {
    const bool told = std::any_of(passwords.begin(), passwords.end(),
                                  [text](auto password) { return tells(text, password); });
    return told ? withheld : text;
}

} // namespace poppass
