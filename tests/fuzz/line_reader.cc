// What a client sends, in bits of any size, to lines and commands. First line: the sizes of the
// bits, one byte each.
#include "protocol/line_reader.hh"

#include "fuzz/target.hh"

#include <algorithm>
#include <string>

namespace poppass::fuzz {

namespace {

const std::string all_zeros(4096, '\0');
const std::string_view zeros = all_zeros;

std::string lower_case(std::string_view text) {
    std::string result{text};
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return result;
}

Verb verb_of(std::string_view word) {
    const std::string lower = lower_case(word);
    if (lower == "user") return Verb::user;
    if (lower == "pass") return Verb::pass;
    if (lower == "newpass") return Verb::newpass;
    return lower == "quit" ? Verb::quit : Verb::unknown;
}

void check_command(std::string_view line, bool cut) {
    const Command command = parse_command(line, cut);
    if (!cut && line.ends_with('\r')) line.remove_suffix(1);
    must(is_within(command.argument, line) || command.argument.empty(), "the argument is a view");
    must(command.verb == verb_of(take(line, ' ')), "the word before the first space is the verb");
    must(command.argument == line, "all that follows one space is the argument");
    const bool good =
        !cut && !line.empty() && line.find('\0') == line.npos && line.find('\r') == line.npos;
    must((command.state == Argument::good) == good, "good: whole, not empty, no NUL or CR");
    must((command.state == Argument::too_long) == cut, "too long: cut");
}

} // namespace

void try_input(std::string_view input) {
    const std::string_view sizes = take(input);
    std::string_view expected = input; // what the reader is still to give
    LineReader reader;
    for (std::size_t turn = 0; !input.empty(); ++turn) {
        const auto room = reader.room();
        must(!room.empty(), "there is room where there is no line");
        must(std::string_view{room.data(), room.size()} == zeros.substr(0, room.size()),
             "of what is done no byte is left");
        const std::size_t size = sizes.empty()
                                     ? room.size()
                                     : 1u + static_cast<unsigned char>(sizes[turn % sizes.size()]);
        const std::size_t count = input.copy(room.data(), std::min(size, room.size()));
        reader.took(count);
        input.remove_prefix(count);
        while (const auto line = reader.line()) {
            const std::string_view whole = take(expected);
            must(line->text == whole.substr(0, longest_line),
                 "a line is what stands before the LF");
            must(line->cut == (whole.size() > longest_line), "cut: longer than the longest line");
            check_command(line->text, line->cut);
            reader.drop_line();
        }
    }
    must(expected.find('\n') == expected.npos, "every line is given");
}

} // namespace poppass::fuzz
