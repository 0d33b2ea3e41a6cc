// The links that are known by name: which options each one takes, and what may come after them. A
// link of ours reads its options by its own row. poppass-check and checkpw-throttle have to find
// the end of a link's options, and read the same row.
#pragma once

#include "base/fixed_text.hh"
#include "base/result.hh"
#include "link/chain.hh"

#include <array>
#include <functional>
#include <string>
#include <string_view>

namespace poppass {

// A long option, and what stands for it: the same value as its letter, if it has one.
struct LongName {
    FixedText<14> name;
    short argument; // no_argument or required_argument
    int value;
};

struct KnownLink {
    FixedText<20> name;
    enum class Next {
        either,          // ours, a check: `false` at the end, nothing, or a native chain
        fallback,        // ours, a change: `false` at the end, or nothing
        fallback_needed, // indimail's: needs a next link, and runs it for users it does not know
        native_needed,   // DJB's: runs the next program for a user whose password is right
        native_further,  // cvm's: the same, but its own words stand before that program
        guard,           // ours: runs the rest of a check, by either convention
        filter,          // ours: runs the rest of a change, or refuses
    } next;
    // For getopt_long(3). A filter without letters parses its words itself; they end at the first
    // `--`. Only its first word may name a deed.
    FixedText<20> letters;
    std::array<LongName, 16> long_options = {};
    // For links of ours: the command line without the name. Empty for others.
    FixedText<280> usage = {};

    bool is_ours() const { return !usage.empty(); }
};

// Values of long options that have no letter. A letter means the same in all rows of one store.
enum LongOption : int {
    check_option = 256, // --check: look over the set-up, and do not read a record
    native_option,
    allow_expired_option,
    no_delay_option,
    stdout_option,
    min_uid_option,
    strip_option,
    renamed_option,
    virtual_option,
    ruid_option,
    starttls_option,
    ca_option,
    name_option,
    utf8_option,
    list_option,
    clear_option,
    passed_option,
    before_option,
    after_option,
    undo_option,
};

// Whether the row has this long option.
bool has_option(const KnownLink& link, std::string_view name);

// Finds a link by the last component of the program's name; nullptr if it is not known.
const KnownLink* find_known_link(std::string_view program);

// The link's command line, with its name.
std::string usage_of(const KnownLink& link);

// What the command line asks a link of ours to do.
enum class Deed { serve, help, version, look_over };

struct LinkWords {
    Deed deed = Deed::serve;
    Chain next; // what comes after the options
};

// Reads the options at the beginning of a command line. The first word is the link's name. `take`
// gets each option as getopt_long(3) returned it, with its value (empty if it has none), and may
// refuse it. It does not get the options that name a deed. The first -h or -V ends the reading. An
// option that is not in the row is misuse.
using TakeOption = std::function<Result<void>(int option, std::string_view value)>;
Result<LinkWords> read_options(const KnownLink& link, Chain words, const TakeOption& take);

} // namespace poppass
