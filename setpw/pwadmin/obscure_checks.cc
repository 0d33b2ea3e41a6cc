#include "pwadmin/obscure_checks.hh"

#include <algorithm>

namespace poppass {

namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// In any case of letters: no copy is made, for it would be one of a password.
bool same(char a, char b) {
    const auto lower = [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(a) == lower(b);
}

bool is_palindrome(std::string_view word) {
    return std::equal(word.begin(), word.end(), word.rbegin(), same);
}

// Most of the old one's characters are in the new one; from eight on, that says little.
bool is_similar(std::string_view word, std::string_view old) {
    if (word.size() >= 8) return false;
    const auto looked_at = std::min(word.size(), old.size());
    const auto kept = std::count_if(
        old.begin(), old.begin() + static_cast<std::ptrdiff_t>(looked_at), [&](char c) {
            return std::any_of(word.begin(), word.end(), [&](char d) { return same(c, d); });
        });
    return looked_at < 2 * static_cast<std::size_t>(kept);
}

// Each further kind of character makes up for one of the length.
bool is_simple(std::string_view word) {
    const auto has = [&](bool (*kind)(char)) {
        return std::any_of(word.begin(), word.end(), kind);
    };
    const int kinds = has(is_digit) + has(is_upper) + has(is_lower) +
                      has([](char c) { return !is_digit(c) && !is_upper(c) && !is_lower(c); });
    return word.size() + static_cast<std::size_t>(kinds) < 9;
}

// It stands in the old one written twice.
bool is_rotated(std::string_view word, std::string_view old) {
    if (word.size() > 2 * old.size()) return false;
    for (std::size_t start = 0; start < old.size(); ++start) {
        std::size_t i = 0;
        while (i < word.size() && start + i < 2 * old.size() &&
               same(word[i], old[(start + i) % old.size()]))
            ++i;
        if (i == word.size()) return true;
    }
    return false;
}

} // namespace

std::string_view obscure_weakness(std::string_view new_password, std::string_view old_password) {
    if (new_password == old_password) return "it is the old one";
    if (is_palindrome(new_password)) return "it is a palindrome";
    if (std::equal(new_password.begin(), new_password.end(), old_password.begin(),
                   old_password.end(), same))
        return "only letters changed their case";
    if (is_similar(new_password, old_password)) return "it is too similar to the old one";
    if (is_simple(new_password)) return "it is too simple";
    if (is_rotated(new_password, old_password)) return "it is the old one rotated";
    return "";
}

} // namespace poppass
