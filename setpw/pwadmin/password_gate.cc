#include "pwadmin/password_gate.hh"

#include "account/accounts.hh"

#ifdef POPPASS_PASSWDQC
#include "quality/password_quality.hh"

#include <unistd.h>
#include <vector>
#endif

namespace poppass {

#ifdef POPPASS_PASSWDQC

struct PasswordGate::Policy {
    PasswordQuality quality;
    Person person;

    Result<std::string> weakness(std::string_view new_password,
                                 std::string_view old_password) const {
        const auto reason = quality.weakness(
            new_password.data(), old_password.empty() ? nullptr : old_password.data(), person);
        if (!reason) return reason.error();
        return std::string{*reason};
    }
};

Result<PasswordGate> PasswordGate::open(const LoginDefs& defs, std::string_view login) {
    constexpr const char* file = "/etc/passwdqc.conf";
    std::string size = "random=47"; // bits, for generate(); a file may ask for more
    std::string config = std::string{"config="} + file;
    std::vector<char*> words{size.data()};
    if (::access(file, F_OK) == 0) words.push_back(config.data());
    auto quality = PasswordQuality::parse(words);
    // This program takes no words of a policy, so the fault is in the policy's file.
    if (!quality) return trouble("the policy for passwords: " + quality.error().message());
    Person person{std::string{login}, "", ""};
    if (quality->uses_account()) {
        const auto account = find_account(login);
        if (!account) return account.error();
        if (*account) person = {(*account)->name, (*account)->gecos, (*account)->home};
    }
    return PasswordGate{defs, std::unique_ptr<Policy>{new Policy{std::move(*quality), person}}};
}

bool PasswordGate::enforced() const { return policy_->quality.enforced(); }

Result<void> PasswordGate::generate(Secret& into) const {
    if (policy_->quality.generate(into, nullptr, policy_->person)) return {};
    return trouble("the policy leaves no passphrase that could be generated");
}

#else

struct PasswordGate::Policy {
    Result<std::string> weakness(std::string_view, std::string_view) const { return std::string{}; }
};

Result<PasswordGate> PasswordGate::open(const LoginDefs& defs, std::string_view) {
    return PasswordGate{defs, std::make_unique<Policy>()};
}

bool PasswordGate::enforced() const { return true; }

Result<void> PasswordGate::generate(Secret&) const {
    return misuse("--generate: built without libpasswdqc, which makes passphrases");
}

#endif

PasswordGate::PasswordGate(const LoginDefs& defs, std::unique_ptr<Policy> policy)
    : shortest_(defs.number("PASS_MIN_LEN", 5)), judged_(defs.enabled("OBSCURE_CHECKS_ENAB", true)),
      policy_(std::move(policy)) {}

PasswordGate::PasswordGate(PasswordGate&&) noexcept = default;
PasswordGate::~PasswordGate() = default;

Result<std::string> PasswordGate::weakness(std::string_view new_password,
                                           std::string_view old_password) const {
    if (static_cast<std::int64_t>(new_password.size()) < shortest_)
        return "it is shorter than " + std::to_string(shortest_) + " bytes";
    if (!judged_) return std::string{};
    return policy_->weakness(new_password, old_password);
}

} // namespace poppass
