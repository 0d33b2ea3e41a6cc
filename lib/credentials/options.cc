#include "credentials/options.hh"

#include "account/accounts.hh"
#include "base/settings.hh"
#include "link/link_table.hh"

namespace poppass {

Result<void> CredentialOptions::take(int option, std::string_view value) {
    if (option == 'f') {
        if (value.empty()) return misuse("-f must name a file");
        file = value;
    } else if (option == 'F') {
        if (value != "shadow" && value != "passwd-file")
            return misuse("-F must be shadow or passwd-file");
        format = value == "shadow" ? Format::shadow : Format::passwd_file;
    } else if (option == 'm') {
        method = find_method(value);
        if (method == nullptr)
            return misuse("-m: no such method of hashing passwords: crypt(5) lists them");
    } else if (option == 'c') {
        const auto number = parse_number("-c", value, 1, 4'294'967'295);
        if (!number) return number.error();
        cost = *number;
    } else if (option == min_uid_option) {
        const auto number = parse_number("--min-uid", value, 0, 4'294'967'294);
        if (!number) return number.error();
        min_uid = static_cast<uid_t>(*number);
    }
    return {};
}

Result<void> CredentialOptions::check() const {
    return method == nullptr ? Result<void>{} : check_cost(*method, cost);
}

Result<bool> CredentialOptions::serves(const CredentialFile& opened, std::string_view login) const {
    if (!opened.is_system()) return true;
    const auto account = find_account(login);
    if (!account) return account.error();
    return *account && (*account)->uid >= min_uid;
}

Result<LoginDefs> CredentialOptions::follow_login_defs(const CredentialFile& opened) {
    if (!opened.is_system()) return LoginDefs{};
    auto defs = LoginDefs::read();
    if (!defs || method != nullptr) return defs;
    auto choice = defs->hash_choice();
    if (!choice) return choice.error();
    method = choice->method;
    if (cost == 0) cost = choice->cost;
    warning = std::move(choice->warning);
    if (auto good = check(); !good) return good.error();
    return defs;
}

Result<CredentialFileOptions> CredentialOptions::choose_file() const {
    std::string path = file;
    if (path.empty()) path = environment("POPPASS_FILE").value_or(POPPASS_CONFDIR "/users");
    if (path.empty()) return misuse("POPPASS_FILE must name a file");
    return CredentialFileOptions{.path = path, .format = format};
}

} // namespace poppass
