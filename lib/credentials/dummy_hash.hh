// Chooses the hash that is computed for a login without one. In a file of several methods and
// costs, unknown logins are spread over them as the users are, so that the time of a refusal does
// not tell who exists.
#pragma once

#include "base/siphash.hh"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Counts the hashes of a file by scheme, method and cost.
class DummyHashes {
public:
    static constexpr std::size_t most_classes = 16; // hashes of further ones are not counted

    // Takes a hash as it is stored: one of crypt(3), or one with its {SCHEME}. Is quick, because it
    // sees each line of a file. It does not count what has no form of a hash.
    void see(std::string_view stored);

    // Whether there are several classes, so that the choice needs a key.
    bool mixed() const { return classes_.size() > 1; }

    // An example of a class. Key and login decide which: a login always gets the same class, and a
    // class gets the share of all logins that it has of the hashes. Without a key it is the largest
    // class. Empty if there is none.
    std::string choose(const std::optional<SipKey>& key, std::string_view login) const;

private:
    struct Class {
        std::string_view scheme; // its name; empty: of crypt(3)
        std::string cost;
        std::string example;
        std::uint64_t count;
    };
    std::vector<Class> classes_; // sorted, so that their order in the file does not matter
};

} // namespace poppass
