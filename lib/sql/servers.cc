#include "sql/servers.hh"

#include "base/settings.hh"
#include "link/link_table.hh"
#include "link/peer.hh"

#include <ctime>

namespace poppass {

namespace {

using Lock = SqlConnection::Lock;

constexpr std::string_view nobodys_login = "nobody-has-this-login@poppass.invalid";

} // namespace

Result<void> SqlServers::take(int option, std::string_view value) {
    if (option == allow_expired_option) return {}; // a change is for those whose password expired
    if (option != 'c') return misuse("no such option");
    if (value.empty()) return misuse("-c must name a file");
    file_ = value;
    return {};
}

Result<void> SqlServers::prepare(SqlPurpose purpose) {
    purpose_ = purpose;
    auto settings = SqlSettings::read(file_, driver_->dialect());
    if (!settings) return settings.error();
    settings_ = std::move(*settings);
    const auto scheme = find_scheme(settings_->scheme);
    if (!scheme)
        return misuse("scheme: " + scheme.error().what + ": poppass-sql(5) has those that are");
    scheme_ = *scheme;
    if (!scheme_->written && settings_->prefix == SqlSettings::Prefix::no)
        return misuse("prefix = no: new hashes are not made of the weak scheme " +
                      settings_->scheme + ", so they need a prefix: set prefix = keep");
    if (purpose == SqlPurpose::change && settings_->set_query.empty())
        return misuse("set_query must be set");
    const auto hosts = driver_->prepare(*settings_, purpose);
    if (!hosts) return hosts.error();
    for (const SqlHost& host : *hosts) names_.push_back(host.text());
    const auto run = number_setting("POPPASS_RUN", 60, 1, 86400);
    if (!run) return run.error();
    const auto longest = settings_->limit * static_cast<long>(names_.size());
    if (longest >= std::chrono::seconds{*run})
        return misuse("timeout: " + std::to_string(names_.size()) + " servers may take " +
                      std::to_string(longest.count()) + " seconds, and POPPASS_RUN allows " +
                      std::to_string(*run) + ": lower it, or raise POPPASS_RUN");
    return {};
}

SqlValues SqlServers::values(std::string_view login) const {
    SqlValues values{.ip = find_peer(-1), .now = std::time(nullptr)};
    values.set_login(login);
    return values;
}

// Prepares the same statements as a check or a change, and asks the same question.
Result<void> SqlServers::look_at(SqlConnection& connection, const std::string& name,
                                 Report& report) const {
    const bool changes = purpose_ == SqlPurpose::change;
    const auto columns =
        connection.prepare(settings_->user_query, changes ? Lock::rows : Lock::none);
    if (!columns) return columns.error();
    if (auto good = check_columns(*columns); !good) return good;
    for (const auto& column : *columns)
        if (!is_user_column(column))
            report.warn(name, "user_query has a column that nothing reads: " + column +
                                  ": remove it, or correct its name");
    const auto found = find_user(connection, *settings_, values(nobodys_login), Lock::none);
    if (!found) return found.error();
    if (*found)
        report.fail(name, "user_query finds a row for a login that does not exist; does its WHERE "
                          "name :login?");
    else
        report.ok(name, "user_query can be executed, and finds no row for a login that does not "
                        "exist");
    if (changes)
        for (const SqlStatement& statement : settings_->set_query)
            if (const auto prepared = connection.prepare(statement, Lock::none); !prepared)
                return prepared.error();
    if (changes) report.ok(name, "set_query can be prepared");
    connection.look_over(report);
    return {};
}

void SqlServers::look_over(Report& report) const {
    report.ok(file_, "the settings are complete");
    for (std::size_t server = 0; server < names_.size(); ++server) {
        const auto connection = connect(server);
        if (!connection) {
            report.fail(names_[server], connection.error().message() +
                                            "; mend this, or correct connect in " + file_);
            continue;
        }
        if (const auto done = look_at(**connection, names_[server], report); !done)
            report.fail(names_[server], done.error().message() + "; correct " + file_ +
                                            ", or what the database account may do");
    }
}

Result<std::optional<SqlUser>> find_user(SqlConnection& connection, const SqlSettings& settings,
                                         const SqlValues& values, Lock lock) {
    const auto rows = connection.select(settings.user_query, values, lock);
    if (!rows && rows.error().status == ExitStatus::rejected) return std::optional<SqlUser>{};
    if (!rows) return rows.error();
    return read_user(*rows, values.login);
}

} // namespace poppass
