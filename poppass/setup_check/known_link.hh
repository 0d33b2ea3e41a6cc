// The links that we know by name: how their command lines split, and what may come after them. Pure; for
// looking a set-up over, never for running it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace poppass {

struct KnownLink {
    std::string_view name;
    enum class Next {
        fallback_or_none, // ours: `false` at the end, nothing, or --native
        fallback,         // ours at a change: `false` at the end, or nothing
        fallback_needed,  // indimail's: wants a next link, run for users it does not know
        native_needed,    // DJB's: runs the next program for a user whose password is right
        guard,            // ours: the rest of a check, by either convention
        rest,             // ours: runs the rest of the chain, or does not
    } next;
    enum class Store { none, file, pam, ldap } store;
    std::string_view letters_with_value; // its one-letter options that take a value
    std::string_view words_with_value;   // its long options that do, each between spaces
};

// By the last component of the program's name; nullptr where we do not know it.
const KnownLink* find_known_link(std::string_view program);

// A known link's words, taken apart.
struct LinkWords {
    std::span<const std::string> options; // with their values
    std::span<const std::string> next;
};
LinkWords split_link(const KnownLink& link, std::span<const std::string> words);

// The value of an option given as `-f VALUE`, `-fVALUE`, `--file VALUE` or `--file=VALUE`; the last
// one counts.
std::optional<std::string> option_value(const KnownLink& link, std::span<const std::string> options,
                                        char letter, std::string_view long_name);

// Whether a long option without a value is there.
bool has_flag(std::span<const std::string> options, std::string_view long_name);

} // namespace poppass
