// What the two stores of SQL share: the options, the settings, and the servers that are asked in
// turn.
#pragma once

#include "base/log.hh"
#include "hash/scheme.hh"
#include "sql/connection.hh"
#include "sql/user.hh"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

class SqlServers {
public:
    SqlServers(std::string_view program, std::unique_ptr<SqlDriver> driver)
        : program_(program), driver_(std::move(driver)) {}

    // Takes -c and --allow-expired.
    Result<void> take(int option, std::string_view value);

    // Reads the settings. Misuse if they do not fit together.
    Result<void> prepare(SqlPurpose purpose);

    const SqlSettings& settings() const { return *settings_; }

    // The scheme of hashes without a prefix.
    const Scheme& scheme() const { return *scheme_; }

    // The values for a login of the client.
    SqlValues values(std::string_view login) const;

    Result<std::unique_ptr<SqlConnection>> connect(std::size_t server) const {
        return driver_->connect(server, Clock::now() + settings_->limit);
    }

    // Returns what the first server says that is able to answer: `ask` asks one server. Its errors
    // become lines of the log if another server may be asked.
    template <class Ask> auto ask_in_turn(const Ask& ask) const -> decltype(ask(std::size_t{0})) {
        for (std::size_t server = 0; server < names_.size(); ++server) {
            auto answer = ask(server);
            if (answer || answer.error().status != ExitStatus::temporary) return answer;
            complain(program_, names_[server] + ": " + answer.error().message());
        }
        return trouble("no server of the database could be asked");
    }

    void look_over(Report& report) const;

private:
    Result<void> look_at(SqlConnection& connection, const std::string& name, Report& report) const;

    std::string_view program_;
    std::unique_ptr<SqlDriver> driver_;
    std::string file_ = POPPASS_CONFDIR "/sql.conf";
    std::optional<SqlSettings> settings_;
    const Scheme* scheme_ = nullptr;
    SqlPurpose purpose_ = SqlPurpose::check;
    std::vector<std::string> names_;
};

// The user of these values on this connection; nothing if there is none. A value that does not fit
// a column's type belongs to no user.
Result<std::optional<SqlUser>> find_user(SqlConnection& connection, const SqlSettings& settings,
                                         const SqlValues& values, SqlConnection::Lock lock);

} // namespace poppass
