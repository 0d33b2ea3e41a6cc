// The settings of the SQL links: a file of `key = value` lines. poppass-sql(5) lists the keys.
#pragma once

#include "base/result.hh"
#include "base/secret.hh"
#include "sql/host.hh"
#include "sql/statement.hh"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

struct SqlSettings {
    std::string connect;              // the driver's own form
    std::vector<SqlHost> check_hosts; // servers that checks may ask instead
    std::chrono::seconds limit{5};    // for each server
    SqlStatement user_query;
    std::vector<SqlStatement> set_query; // empty if the file has none
    std::string scheme = "CRYPT";        // of hashes without a prefix, and of new ones
    enum class Prefix { yes, no, keep } prefix = Prefix::keep;
    enum class Tls { verify, no };
    std::optional<Tls> tls = {};           // nothing: verify, but not on a socket or loopback
    std::unique_ptr<Secret> password = {}; // of the database account, and a NUL; nullptr: none
    bool owner_is_root = false;            // of the file

    // Whether a server at an address of loopback, or at another one, must prove who it is.
    bool verifies(bool loopback) const {
        return tls.value_or(loopback ? Tls::no : Tls::verify) == Tls::verify;
    }

    // The password, which a NUL follows; empty if there is none.
    std::string_view password_view() const {
        return password ? password->view().substr(0, password->size() - 1) : std::string_view{""};
    }

    // Reads the file. Misuse if others may read it, if more than its owner may write it, or if a
    // key is unknown, missing, there twice, or has a wrong value.
    static Result<SqlSettings> read(const std::string& path, SqlDialect dialect);

    // The same from the text of a file. `password_file` is read as the file itself is.
    static Result<SqlSettings> parse(std::string_view text, SqlDialect dialect);
};

} // namespace poppass
