// A connection to a server of MariaDB or MySQL.
#pragma once

#include "mysql/socket_limit.hh"
#include "sql/connection.hh"
#include "sql/memory_limit.hh"

#include <memory>
#include <mysql.h>
#include <string>
#include <vector>

namespace poppass {

// What `connect` says besides the hosts.
struct MysqlAccount {
    std::string user, database;
    std::string ca; // a file with the authorities that a server's certificate may come from
};

struct MysqlPlace {
    std::string socket; // its path; empty: the host
    std::string host;   // a name, which the certificate must have, or an address
    unsigned port = 0;
    bool tls = true; // encrypted, with a certificate that is verified
};

class MysqlConnection;

struct CloseMysqlStatement {
    MysqlConnection* connection;
    void operator()(MYSQL_STMT* statement) const;
};
using MysqlStatement = std::unique_ptr<MYSQL_STMT, CloseMysqlStatement>;

class MysqlConnection final : public SqlConnection {
public:
    MysqlConnection(const MysqlAccount& account, const SqlSettings& settings,
                    Clock::time_point deadline)
        : SqlConnection(deadline), account_(account), settings_(settings) {}
    MysqlConnection(const MysqlConnection&) = delete;
    MysqlConnection& operator=(const MysqlConnection&) = delete;
    ~MysqlConnection() override;

    // Connects, authenticates and sets the session up. `writes`: the server must take writes.
    Result<void> open(const MysqlPlace& place, bool writes);

    Result<std::vector<std::string>> prepare(const SqlStatement& statement, Lock lock) override;
    Result<std::vector<SqlRow>> select(const SqlStatement& statement, const SqlValues& values,
                                       Lock lock) override;
    Result<void> begin() override { return run("START TRANSACTION"); }
    Result<void> roll_back() override { return run("ROLLBACK"); }
    Result<std::uint64_t> execute(const SqlStatement& statement, const SqlValues& values) override;
    Committed commit() override;
    void look_over(Report& report) override;

    // Calls the library, which can neither use the socket after the deadline nor take much
    // memory.
    template <class Call> auto limited(const Call& call) {
        const auto socket = mysql_ == nullptr ? -1 : ::mysql_get_socket(mysql_);
        const MemoryLimit memory;
        const SocketLimit::Watch watch{limit_, socket, deadline()};
        return call();
    }

private:
    void set_options(const MysqlPlace& place);
    Result<void> set_up(bool writes);
    Result<std::string> tables_without_transactions();
    int wait(int wanted) const;
    template <class Start, class GoOn> bool finish(const Start& start, const GoOn& go_on);
    void end();
    std::string describe(std::string_view deed, unsigned code, std::string_view state,
                         std::string_view text) const;
    Error failed_statement(MYSQL_STMT* statement, std::string_view deed) const;
    Error failed(std::string_view deed) const;
    Result<void> run(const std::string& sql);
    Result<std::string> ask(const std::string& sql);
    Result<MysqlStatement> make(const SqlStatement& statement, Lock lock);
    Result<MysqlStatement> run(const SqlStatement& statement, const SqlValues& values, Lock lock);
    Result<std::vector<SqlRow>> read(MYSQL_STMT* statement);

    const MysqlAccount& account_;
    const SqlSettings& settings_;
    MysqlPlace place_;
    SocketLimit limit_;
    MYSQL* mysql_ = nullptr; // nullptr: the connection is over
};

} // namespace poppass
