#include "credentials/change_policy.hh"

#include "credentials/file.hh"

namespace poppass {

namespace {

Error refusal(std::string words) { return Error{ExitStatus::rejected, std::move(words), 0}; }

} // namespace

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
    if (!old_is_right) return {};
    switch (changeable(entry.aging, today())) {
    case Changeable::never: return refusal("your password cannot be changed");
    case Changeable::too_young: return refusal("you must wait longer to change your password");
    case Changeable::yes: break;
    }
    return {};
}

} // namespace poppass
