#include "throttle/native_chain.hh"

#include "link/link_table.hh"
#include "process/program.hh"

namespace poppass {

namespace {

constexpr std::string_view guard_name = "checkpw-throttle";

Error unclear(std::string_view why) {
    return misuse("it is not clear where the program of the native chain begins: " +
                  std::string{why} + "; put `checkpw-throttle --passed 9` before that program");
}

// The position of PROG in the chain: the first word after the options of a known link that can run
// a native chain.
Result<std::size_t> find_program_word(Chain chain) {
    const KnownLink* const link = find_known_link(chain.front());
    if (link == nullptr ||
        (link->next != KnownLink::Next::either && link->next != KnownLink::Next::native_needed))
        return unclear(std::string{base_name(chain.front())} + " is not a link that is known here");
    const auto read =
        read_options(*link, chain, [](int, std::string_view) { return Result<void>{}; });
    if (!read) return unclear(read.error().message());
    return chain.size() - read->next.size();
}

// The position of the number in a mark; 0: there is no mark.
std::size_t find_mark(Chain chain) {
    for (std::size_t i = 1; i + 2 < chain.size(); ++i)
        if (base_name(chain[i]) == guard_name && std::string_view{chain[i + 1]} == "--passed")
            return i + 2;
    return 0;
}

} // namespace

Result<MarkedChain> MarkedChain::make(Chain chain, std::string_view guard) {
    if (base_name(chain.front()) == guard_name) return misuse("one guard must not guard another");
    MarkedChain marked;
    marked.words_.assign(chain.begin(), chain.end());
    marked.number_ = find_mark(chain);
    if (marked.number_ == 0) {
        const auto program = find_program_word(chain);
        if (!program) return program.error();
        marked.words_.insert(marked.words_.begin() + static_cast<std::ptrdiff_t>(*program),
                             {"", "--passed", ""});
        marked.number_ = *program + 2;
    }
    if (marked.number_ + 1 >= marked.words_.size())
        return misuse("a native chain needs a program to run");
    marked.words_[marked.number_ - 2] = guard;
    return marked;
}

Chain MarkedChain::with_number(int number) {
    words_[number_] = std::to_string(number);
    pointers_.clear();
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    return {pointers_.data(), words_.size()};
}

} // namespace poppass
