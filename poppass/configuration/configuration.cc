#include "configuration/configuration.hh"

#include "account/accounts.hh"
#include "base/settings.hh"
#include "process/program.hh"
#include "protocol/reply.hh"

#include <unistd.h>

namespace poppass {

namespace {

constexpr uid_t nobody = 65534;
constexpr std::int64_t day = 86400;

Result<ChainLine> unless_true(std::string_view name, Result<ChainLine> chain) {
    if (chain && base_name(chain->words.front()) == "true")
        return misuse(std::string{name} + " begins with true, which accepts every password: put "
                                          "the program that knows the users there");
    return chain;
}

// Reads the chain that is a variable's value.
Result<ChainLine> read_chain(const char* name, std::string_view value) {
    return unless_true(name, read_chain_line(name, value));
}

Result<ChainLine> read_password_command() {
    constexpr const char* name = "PASSWORD_COMMAND";
    const auto value = environment(name);
    if (!value)
        return misuse(std::string{name} +
                      " is not set: set it to the chain that changes passwords");
    return read_chain(name, *value);
}

Result<Identity> read_identity() {
    constexpr std::int64_t most = 4294967294; // the last number, (uid_t)-1, means "no change"
    Identity otherwise{nobody, nobody};
    if (!environment("UID") || !environment("GID")) {
        const auto account = find_account("poppass");
        if (!account) return account.error();
        if (*account) otherwise = {(*account)->uid, (*account)->gid};
    }
    const auto uid = number_setting("UID", otherwise.uid, 1, most);
    if (!uid) return uid.error();
    const auto gid = number_setting("GID", otherwise.gid, 1, most);
    if (!gid) return gid.error();
    if (*uid == 0 || *gid == 0)
        return misuse("the account poppass has uid or gid 0: give it others, or set UID and GID");
    return Identity{static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)};
}

bool is_plain_text(std::string_view text) {
    for (const char c : text)
        if (c <= 0x20 || c >= 0x7f) return false;
    return true;
}

} // namespace

Result<Configuration> read_configuration(std::vector<std::string> words,
                                         std::vector<Error>* all_errors) {
    Configuration configuration{};
    std::vector<Error> errors;
    const auto take = [&](auto result, auto& into) {
        if (result)
            into = std::move(*result);
        else
            errors.push_back(result.error());
    };

    configuration.host = std::move(words.front());
    if (configuration.host.empty() || configuration.host.size() > longest_host ||
        !is_plain_text(configuration.host))
        errors.push_back(misuse("HOST must have 1 to 255 printable characters without spaces"));
    words.erase(words.begin());
    constexpr std::string_view check = "CHECKPROGRAM";
    take(unless_true(check, find_chain_line(check, std::move(words))), configuration.check);
    take(read_password_command(), configuration.change);
    if (const auto value = environment("POPPASS_AFTER"))
        take(read_chain("POPPASS_AFTER", *value), configuration.after);

    struct Seconds {
        const char* name;
        std::chrono::seconds& value;
        std::int64_t otherwise;
        std::int64_t least;
    };
    for (const auto& [name, value, otherwise, least] :
         {Seconds{"POPPASS_DELAY", configuration.delay, 5, 0},
          Seconds{"POPPASS_TIMEOUT", configuration.line_timeout, 120, 1},
          Seconds{"POPPASS_SESSION", configuration.session_limit, 600, 1},
          Seconds{"POPPASS_RUN", configuration.chain_limit, 60, 1}}) {
        std::int64_t number = 0;
        take(number_setting(name, otherwise, least, day), number);
        value = std::chrono::seconds{number};
    }
    std::int64_t tries = 0;
    take(number_setting("POPPASS_TRIES", 3, 1, 1000), tries);
    configuration.tries = static_cast<int>(tries);
    if (const auto strip = environment("POPPASS_STRIP")) {
        configuration.strip = *strip;
        if (strip->empty() || strip->find('@') != strip->npos || !is_plain_text(*strip))
            errors.push_back(misuse("POPPASS_STRIP must be a domain (without @), or * for any"));
    }
    if (::geteuid() == 0) take(read_identity(), configuration.identity);

    if (errors.empty()) return configuration;
    const Error first = errors.front();
    if (all_errors != nullptr) *all_errors = std::move(errors);
    return first;
}

} // namespace poppass
