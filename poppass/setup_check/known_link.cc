#include "setup_check/known_link.hh"

#include "process/program.hh"

#include <algorithm>
#include <iterator>

namespace poppass {

namespace {

using Next = KnownLink::Next;
using Store = KnownLink::Store;

constexpr KnownLink known_links[] = {
    {"checkpw", Next::fallback_or_none, Store::file, "fF", " --min-uid "},
    {"setpw", Next::fallback, Store::file, "fFmc", " --min-uid "},
    {"checkpw-pam", Next::fallback_or_none, Store::pam, "si",
     " --service --ident --min-uid --strip "},
    {"setpw-pam", Next::fallback, Store::pam, "si",
     " --service --ident --ruid --min-uid --strip "},
    {"checkpw-ldap", Next::fallback_or_none, Store::ldap, "HDbqwyt", " --ca "},
    {"setpw-ldap", Next::fallback, Store::ldap, "HDbqwyt", " --ca "},
    {"checkpw-throttle", Next::guard, Store::none, "dnwx", " --clear --passed "},
    {"setpw-quality", Next::rest, Store::none, "", ""},
    {"vchkpass", Next::fallback_needed, Store::none, "", ""},
    {"vsetpass", Next::fallback_needed, Store::none, "", ""},
    {"pam-checkpwd", Next::fallback_needed, Store::none, "si", " --service --ident "},
    {"checkpassword", Next::native_needed, Store::none, "", ""},
    {"checkpassword.login", Next::native_needed, Store::none, "", ""},
    {"checkpassword-pam", Next::native_needed, Store::none, "s", " --service "},
    {"cvm-checkpassword", Next::native_needed, Store::none, "", ""},
    {"vchkpw", Next::native_needed, Store::none, "", ""},
};

// One word of options: which option it is, and its value where the word holds or the next one is it.
struct Option {
    char letter = '\0'; // of `-x`
    std::string_view word; // of `--word`
    std::optional<std::string> value;
    std::size_t words = 1;
};

Option read_option(const KnownLink& link, std::span<const std::string> words) {
    const std::string_view word = words.front();
    const auto next_value = [&](Option& option) {
        if (words.size() < 2) return;
        option.value = words[1];
        option.words = 2;
    };
    if (word.starts_with("--")) {
        const std::size_t equals = word.find('=');
        Option option{.word = word.substr(0, equals)};
        if (equals != word.npos)
            option.value = std::string{word.substr(equals + 1)};
        else if (link.words_with_value.find(" " + std::string{word} + " ") != std::string_view::npos)
            next_value(option);
        return option;
    }
    for (std::size_t i = 1; i < word.size(); ++i) {
        if (link.letters_with_value.find(word[i]) == std::string_view::npos) continue;
        Option option{.letter = word[i]};
        if (i + 1 < word.size())
            option.value = std::string{word.substr(i + 1)};
        else
            next_value(option);
        return option;
    }
    return {};
}

} // namespace

const KnownLink* find_known_link(std::string_view program) {
    const auto* const found = std::find_if(
        std::begin(known_links), std::end(known_links),
        [name = base_name(program)](const KnownLink& link) { return link.name == name; });
    return found == std::end(known_links) ? nullptr : found;
}

LinkWords split_link(const KnownLink& link, std::span<const std::string> words) {
    const auto all = words.subspan(1);
    if (link.name == "setpw-quality") { // its own words are policy, up to `--`
        const auto end = std::find(all.begin(), all.end(), "--");
        const auto own = static_cast<std::size_t>(end - all.begin());
        return {all.first(own), all.subspan(std::min(own + 1, all.size()))};
    }
    auto rest = all;
    while (!rest.empty() && rest.front().size() > 1 && rest.front().front() == '-') {
        if (rest.front() == "--") return {all.first(all.size() - rest.size()), rest.subspan(1)};
        rest = rest.subspan(read_option(link, rest).words);
    }
    return {all.first(all.size() - rest.size()), rest};
}

std::optional<std::string> option_value(const KnownLink& link, std::span<const std::string> options,
                                        char letter, std::string_view long_name) {
    std::optional<std::string> value;
    while (!options.empty()) {
        Option option = read_option(link, options);
        const bool wanted = option.letter == letter || (!long_name.empty() && option.word == long_name);
        if (wanted && option.value) value = std::move(option.value);
        options = options.subspan(option.words);
    }
    return value;
}

bool has_flag(std::span<const std::string> options, std::string_view long_name) {
    return std::find(options.begin(), options.end(), long_name) != options.end();
}

} // namespace poppass
