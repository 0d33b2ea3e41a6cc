// One connection to one PostgreSQL server. libpq never blocks here: our own clock ends whatever
// takes too long.
#pragma once

#include "sql/connection.hh"

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace poppass {

struct PgsqlFree {
    void operator()(PGconn* connection) const { ::PQfinish(connection); }
    void operator()(PGresult* result) const { ::PQclear(result); }
    void operator()(PQconninfoOption* options) const { ::PQconninfoFree(options); }
};

// The keywords of libpq's connection strings. A text that is borrowed outlives them.
using PgsqlOptions = std::vector<std::pair<const char*, const char*>>;

class PgsqlConnection final : public SqlConnection {
public:
    // `name` is the server's in reports. `settings` outlive the connection.
    PgsqlConnection(std::string name, const SqlSettings& settings, Clock::time_point deadline)
        : SqlConnection(deadline), name_(std::move(name)), settings_(settings) {}

    // Connects to the one address that the options name, until `address_deadline`, and
    // authenticates.
    Result<void> open(const PgsqlOptions& options, Clock::time_point address_deadline);

    // Makes strings standard ones, lets no wait be longer than the time limit, and waits for the
    // disk where the server's settings do not. It is trouble if the server takes no writes and
    // `writes` says that it must.
    Result<void> set_up(bool writes);

    Result<std::vector<std::string>> prepare(const SqlStatement& statement, Lock lock) override;
    Result<std::vector<SqlRow>> select(const SqlStatement& statement, const SqlValues& values,
                                       Lock lock) override;
    Result<void> begin() override;
    Result<void> roll_back() override;
    Result<std::uint64_t> execute(const SqlStatement& statement, const SqlValues& values) override;
    Result<void> do_deferred() override;
    Committed commit() override;
    std::string transaction() const override { return transaction_; }
    Result<Commit> settle(std::string_view transaction) override;
    void look_over(Report& report) override;

private:
    using Answer = std::unique_ptr<PGresult, PgsqlFree>;

    Result<Answer> ask(const std::string& text, const std::vector<const char*>& values);
    Result<Answer> ask_with(const std::string& text, const SqlStatement& statement,
                            const SqlValues& values, bool row_by_row);
    // The values of the one row, with so many columns; empty where they are NULL.
    Result<std::vector<std::string>> ask_row(int columns, const std::string& text,
                                             const std::vector<const char*>& values = {});
    Result<Answer> next_answer();
    Result<Answer> last_answer();
    Error failed(std::string_view deed, const PGresult* answer) const;

    std::string name_;
    const SqlSettings& settings_;
    std::unique_ptr<PGconn, PgsqlFree> connection_;
    std::string transaction_;
    std::string warning_; // the last one of the server
};

} // namespace poppass
