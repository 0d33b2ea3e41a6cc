#include "process/chain_line.hh"

#include "process/program.hh"
#include "process/split_words.hh"

namespace poppass {

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<char*> ChainLine::argv() const { return pointers(words); }

Result<ChainLine> find_chain_line(std::string_view name, std::vector<std::string> words) {
    auto path = find_program(words.front());
    if (!path)
        return misuse(std::string{name} + ": " + path.error().message() +
                      ": install it, or write where it is");
    return ChainLine{std::move(words), std::move(*path)};
}

Result<ChainLine> read_chain_line(std::string_view name, std::string_view text) {
    auto words = split_words(text);
    if (!words) return misuse(std::string{name} + ": " + words.error().message());
    return find_chain_line(name, std::move(*words));
}

} // namespace poppass
