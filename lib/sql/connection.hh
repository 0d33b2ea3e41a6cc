// What a driver does for the stores of SQL: it names the servers, connects to one, and runs the
// statements there. The stores decide everything else, and are the same for all drivers.
//
// An error's status tells the store what to do next:
//   temporary  this server cannot; another one may be asked
//   rejected   a value does not fit the type of a column (SQLSTATE class 22): there is no such user
//   misused    the settings or a statement are wrong on every server
// Its text names what the server said, as said() lets it pass, and never holds a value of a
// parameter.
#pragma once

#include "base/clock.hh"
#include "base/result.hh"
#include "link/report.hh"
#include "sql/settings.hh"
#include "sql/statement.hh"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace poppass {

// What the parameters of a statement stand for.
struct SqlValues {
    std::string login;
    std::string local;             // of the login, before its last @; all of it without one
    std::string domain;            // after it; empty without one
    std::optional<std::string> ip; // the client's address
    std::string hash;              // the new hash, as it is written
    std::string old_hash;          // as the row has it
    std::int64_t now = 0;          // seconds since 1970

    void set_login(std::string_view name);

    // The value as text. No value is NULL. A driver binds `now` as an integer of 64 bits if the
    // type of a bound value makes a difference to its server.
    std::optional<std::string> text(SqlParameter parameter) const;
};

struct SqlColumn {
    std::string name;                 // as the server says it
    std::optional<std::string> value; // no value: NULL. A CHAR column's comes without its padding
};
using SqlRow = std::vector<SqlColumn>;

// A connection to one server. Nothing that it does lasts longer than until its deadline. The
// destructor ends the connection, and with it a transaction that is not committed.
class SqlConnection {
public:
    explicit SqlConnection(Clock::time_point deadline) : deadline_(deadline) {}
    virtual ~SqlConnection() = default;

    // Gives the server the time back in which it was asked nothing.
    void extend(Clock::duration time) { deadline_ += time; }

    // From now on the log gets no words of the server that tell one of these: triggers and the like
    // may put them there. They stay where they are while the connection is used.
    void withhold(std::vector<std::string_view> secrets) { secrets_ = std::move(secrets); }

    enum class Lock {
        none,
        rows, // nobody else can change the rows before the transaction ends
    };

    // Prepares a statement without executing it. Returns the names of its columns.
    virtual Result<std::vector<std::string>> prepare(const SqlStatement& statement, Lock lock) = 0;

    // The rows that a SELECT finds, of which at most two are read.
    virtual Result<std::vector<SqlRow>> select(const SqlStatement& statement,
                                               const SqlValues& values, Lock lock) = 0;

    // Which accounts of this system can write the rows by themselves.
    struct Writers {
        uid_t owner = 0;     // of the file that holds them
        bool others = false; // whether accounts can beside root and the owner
    };
    // Called after the rows are read. An error if they may be of another file than they were said
    // to be.
    virtual Result<Writers> writers() { return Writers{}; }

    virtual Result<void> begin() = 0;
    // Not called after an error or a second row: the end of the connection rolls back too.
    virtual Result<void> roll_back() = 0;

    // Executes a statement of set_query. Returns how many rows it matched, also if they had the new
    // values already.
    virtual Result<std::uint64_t> execute(const SqlStatement& statement,
                                          const SqlValues& values) = 0;

    // Does now what the server has put off until the commit, such as deferred triggers.
    virtual Result<void> do_deferred() { return {}; }

    // Ends the transaction. What is committed is on the server's disk; of MariaDB and MySQL the
    // server's own settings decide that.
    enum class Commit {
        done,        // the server said so
        rolled_back, // the server said so, or nothing was sent
        lost,        // neither is known
    };
    struct Committed {
        Commit how;
        std::string words = {}; // why it is not done
    };
    virtual Committed commit() = 0;

    // Names the transaction for settle(). Empty if the server cannot tell later how it ended.
    virtual std::string transaction() const { return {}; }

    // How a transaction of an earlier connection to the same server ended: `done` or `rolled_back`.
    // It waits until this is known. `lost`: this server does not know the transaction. Called only
    // with a name that transaction() returned.
    virtual Result<Commit> settle(std::string_view transaction) {
        (void)transaction;
        return Commit::lost;
    }

    // Reports, for --check, what the database account may do beyond these statements, and what else
    // is wrong or right on this server.
    virtual void look_over(Report& report) { (void)report; }

protected:
    Clock::time_point deadline() const { return deadline_; }

    // Words of the server, as the log may have them. All of them pass through here.
    std::string said(std::string_view words) const;

private:
    Clock::time_point deadline_;
    std::vector<std::string_view> secrets_;
};

enum class SqlPurpose {
    check,  // `check_hosts`, if there are any
    change, // only a server that takes writes
};

class SqlDriver {
public:
    virtual ~SqlDriver() = default;

    virtual SqlDialect dialect() const = 0;

    // Takes the settings, which stay where they are, and returns the servers, in the order in which
    // they are asked. Connects to none. Settings that do not fit are misuse.
    virtual Result<std::vector<SqlHost>> prepare(const SqlSettings& settings,
                                                 SqlPurpose purpose) = 0;

    // Connects to a server of the list, authenticates, and sets the session up: UTF-8, strict
    // types, standard quotes, and waits for locks within the deadline. A server that takes no
    // writes is temporary trouble, unless it serves checks only.
    virtual Result<std::unique_ptr<SqlConnection>> connect(std::size_t server,
                                                           Clock::time_point deadline) = 0;
};

} // namespace poppass
