#include "pwadmin/new_password.hh"

#include "link/record.hh"

#include <algorithm>
#include <unistd.h>

namespace poppass {

namespace {

// The Secret has room for one byte more than was read; this byte is the NUL.
void end_with_nul(Secret& password) { password.storage()[password.view().size()] = '\0'; }

// Why other programs could not check this password later; empty if they can.
std::string unusable(std::string_view login, std::string_view password) {
    constexpr std::string_view ends_lines{"\0\r\n", 3};
    if (password.empty()) return "the password is empty";
    if (password.find_first_of(ends_lines) != password.npos)
        return "no protocol can carry this password";
    Secret record{longest_record + 1};
    if (!make_check_record(record, login, password))
        return "the password is too long to be checked";
    return "";
}

bool warns(const LoginDefs& defs) { return defs.enabled("PASS_ALWAYS_WARN", true); }

} // namespace

Result<void> ask_old_password(const Terminal& terminal, Secret& password) {
    if (auto asked = terminal.ask("Old password: ", password); !asked) return asked;
    if (password.view().size() == password.capacity()) return trouble("the password is too long");
    end_with_nul(password);
    return {};
}

Result<void> ask_new_password(const Terminal& terminal, const LoginDefs& defs,
                              const PasswordGate& gate, Caller caller, std::string_view login,
                              const Secret& old_password, Secret& password) {
    Secret again{password.capacity()};
    Secret warned_of{password.capacity()};
    const auto tries = std::max<std::int64_t>(1, defs.number("PASS_CHANGE_TRIES", 5));
    for (std::int64_t left = tries; left > 0; --left) {
        if (auto asked = terminal.ask("New password: ", password); !asked) return asked;
        auto refused = unusable(login, password.view());
        if (refused.empty()) {
            end_with_nul(password);
            const auto weak = gate.weakness(password.view(), old_password.view());
            if (!weak) return weak.error();
            const bool is_refused = caller == Caller::user && gate.enforced();
            const bool is_warned =
                !is_refused && warns(defs) && password.view() != warned_of.view();
            if (!weak->empty() && is_refused) refused = "Weak password: " + *weak;
            if (!weak->empty() && is_warned) {
                if (!warned_of.assign({password.view()})) return trouble("keep a password");
                refused = "Weak password: " + *weak + " (type it again to use it anyway)";
            }
        }
        if (refused.empty()) {
            if (auto asked = terminal.ask("New password again: ", again); !asked) return asked;
            if (password.view() == again.view()) return {};
            refused = "the two passwords differ";
        }
        if (auto told = terminal.tell(refused + (left > 1 ? "; try again\n" : "\n")); !told)
            return told;
    }
    return Error{ExitStatus::rejected, "too many tries; the password is unchanged", 0};
}

Result<std::string> read_new_password(const LoginDefs& defs, const PasswordGate& gate,
                                      std::string_view login, Secret& password) {
    if (auto done = read_line(STDIN_FILENO, password); !done) return done.error();
    if (auto refused = unusable(login, password.view()); !refused.empty()) return trouble(refused);
    end_with_nul(password);
    if (!warns(defs)) return std::string{};
    const auto weak = gate.weakness(password.view(), {});
    if (!weak) return weak.error();
    return weak->empty() ? std::string{} : "warning: weak password: " + *weak;
}

Result<void> generate_password(const PasswordGate& gate, Secret& password) {
    if (auto made = gate.generate(password); !made) return made;
    end_with_nul(password);
    return {};
}

} // namespace poppass
