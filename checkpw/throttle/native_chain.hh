// Finds where in a native chain the program begins that runs if the password is right.
#pragma once

#include "link/chain.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// The chain `LINK [OPTION...] PROG ARG...` with a mark before PROG: `GUARD --passed NUMBER`.
//
// If the chain has a mark already (any `checkpw-throttle --passed N`), the mark shows the place,
// and gets this guard and this number. Else LINK must be one whose options are known. Any other
// chain is misuse: the place is never guessed.
class MarkedChain {
public:
    static Result<MarkedChain> make(Chain chain, std::string_view guard);

    // Ready to be run, with this number in the mark.
    Chain with_number(int number);

private:
    std::vector<std::string> words_;
    std::size_t number_ = 0; // which word it is
    std::vector<char*> pointers_;
};

} // namespace poppass
