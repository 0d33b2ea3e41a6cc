#include "credentials/change_policy.hh"

#include "credentials/file.hh"
#include "link/address_range.hh"
#include "link/peer.hh"

#include <algorithm>
#include <unistd.h>

namespace poppass {

namespace {

// Takes the text before the next of these bytes off the front.
std::string_view take_word(std::string_view& rest, std::string_view ends) {
    const std::string_view word = rest.substr(0, rest.find_first_of(ends));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    return word;
}

bool has_client(std::string_view networks) {
    const auto client = find_peer(STDIN_FILENO);
    while (client && !networks.empty())
        if (const auto range = AddressRange::parse(take_word(networks, ","));
            range && range->contains(*client))
            return true;
    return false;
}

Error refusal(std::string words) { return Error{ExitStatus::rejected, std::move(words), 0}; }

} // namespace

bool refuses_client(const Entry& entry) {
    std::string_view rest = entry.extra;
    while (!rest.empty()) {
        std::string_view value = take_word(rest, " \t\r");
        const std::string_view key = take_word(value, "=");
        if (key == "nologin" || key == "fail" || key == "noauthenticate") return true;
        if ((key == "allow_nets" || key == "allow_real_nets") && !has_client(value)) return true;
    }
    return false;
}

Result<void> check_policy(const Entry& entry, bool old_is_right) {
    const auto refuse = [&](std::string words) {
        return refusal(old_is_right ? std::move(words) : "old password is incorrect");
    };
    switch (standing(entry, today())) {
    case Standing::locked: return refuse("your account is locked");
    case Standing::expired: return refuse("your account has expired");
    case Standing::inactive: return refuse("your password has expired for too long");
    case Standing::usable:
    case Standing::must_change: break;
    }
    if (refuses_client(entry)) return refuse("your account may not be used from here");
    if (!old_is_right) return {};
    switch (changeable(entry.aging, today())) {
    case Changeable::never: return refusal("your password cannot be changed");
    case Changeable::too_young: return refusal("you must wait longer to change your password");
    case Changeable::yes: break;
    }
    return {};
}

} // namespace poppass
