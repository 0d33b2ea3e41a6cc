#include "throttle/native_chain.hh"

#include "process/program.hh"

#include <algorithm>
#include <getopt.h>
#include <iterator>

namespace poppass {

namespace {

constexpr std::string_view guard_name = "checkpw-throttle";

// Links that run their first word after the options for a user whose password is right, with their
// one-letter options as getopt wants them; none: they take no options.
struct NativeLink {
    std::string_view name;
    const char* letters;
};
constexpr NativeLink native_links[] = {
    {"checkpw", "+:f:F:eH"},
    {"checkpw-pam", "+:s:i:eHd"},
    {"checkpw-ldap", "+:H:D:b:q:w:y:t:"},
    {"checkpassword", nullptr},
    {"checkpassword.login", nullptr},
    {"vchkpw", nullptr},
};

// Their long options; an option that two of them have is the same in both.
constexpr option long_options[] = {
    {"native", no_argument, nullptr, 'x'},        {"allow-expired", no_argument, nullptr, 'x'},
    {"noenv", no_argument, nullptr, 'x'},         {"no-chdir-home", no_argument, nullptr, 'x'},
    {"min-uid", required_argument, nullptr, 'x'}, {"service", required_argument, nullptr, 'x'},
    {"ident", required_argument, nullptr, 'x'},   {"strip", required_argument, nullptr, 'x'},
    {"no-delay", no_argument, nullptr, 'x'},      {"debug", no_argument, nullptr, 'x'},
    {"stdout", no_argument, nullptr, 'x'},        {"starttls", no_argument, nullptr, 'x'},
    {"ca", required_argument, nullptr, 'x'},      {},
};

Error unclear(std::string_view why) {
    return misuse("not clear where the program of the native chain begins: " + std::string{why} +
                  "; put `checkpw-throttle --passed 9` before it");
}

// Which word is PROG.
Result<std::size_t> find_program_word(Chain chain) {
    const std::string name{base_name(chain.front())};
    const auto* const link =
        std::find_if(std::begin(native_links), std::end(native_links),
                     [&](const NativeLink& known) { return known.name == name; });
    if (link == std::end(native_links)) return unclear("no link that is known: " + name);
    if (link->letters == nullptr) return std::size_t{1};
    optind = 0; // afresh; our own options are done
    opterr = 0;
    for (int c; (c = ::getopt_long(static_cast<int>(chain.size()), chain.data(), link->letters,
                                   long_options, nullptr)) != -1;)
        if (c == '?' || c == ':')
            return unclear("no option of " + name + " that is known: " +
                           chain[static_cast<std::size_t>(optind - 1)]);
    return static_cast<std::size_t>(optind);
}

// Which word of the chain is a mark's number; 0: there is no mark.
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
