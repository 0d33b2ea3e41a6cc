#include "mysql/connection.hh"

#include "base/network.hh"
#include "sql/host.hh"

#include <mysqld_error.h>
#include <poll.h>
#include <sys/socket.h>

namespace poppass {

namespace {

// The texts of these errors may show a value of a parameter or of a row. The codes are those of
// SIGNAL, in a trigger or a function.
bool shows_values(unsigned code, std::string_view state) {
    return state.starts_with("22") || state.starts_with("23") || state.starts_with("45") ||
           code == ER_SIGNAL_WARN || code == ER_SIGNAL_NOT_FOUND || code == ER_SIGNAL_EXCEPTION ||
           code == ER_TRUNCATED_WRONG_VALUE_FOR_FIELD;
}

Error late(std::string_view deed) {
    return trouble(std::string{deed} + ": the server does not answer in time");
}

std::vector<std::string> column_names(MYSQL_STMT* statement) {
    const std::unique_ptr<MYSQL_RES, decltype(&::mysql_free_result)> metadata{
        ::mysql_stmt_result_metadata(statement), ::mysql_free_result};
    std::vector<std::string> names;
    for (unsigned i = 0; metadata && i < ::mysql_num_fields(metadata.get()); ++i)
        names.emplace_back(::mysql_fetch_field_direct(metadata.get(), i)->name);
    return names;
}

// The value of a column in the row that was fetched.
std::optional<std::string> read_value(MYSQL_STMT* statement, unsigned column, unsigned long size) {
    std::string value(size, '\0');
    if (size == 0) return value;
    MYSQL_BIND whole{};
    unsigned long length = 0;
    my_bool null = 0, cut = 0;
    whole.buffer_type = MYSQL_TYPE_STRING;
    whole.buffer = value.data();
    whole.buffer_length = value.size();
    whole.length = &length;
    whole.is_null = &null;
    whole.error = &cut;
    if (::mysql_stmt_fetch_column(statement, &whole, column, 0) != 0 || length != size)
        return std::nullopt;
    return value;
}

} // namespace

// It may read the rest of a result, and says to the server that the statement is closed.
void CloseMysqlStatement::operator()(MYSQL_STMT* statement) const {
    connection->limited([&] { return ::mysql_stmt_close(statement); });
}

MysqlConnection::~MysqlConnection() {
    if (mysql_ != nullptr) limited([&] { ::mysql_close(mysql_); });
}

Result<void> MysqlConnection::open(const MysqlPlace& place, bool writes) {
    place_ = place;
    if (!limit_.works()) return trouble("connect: the system gives no timer");
    mysql_ = ::mysql_init(nullptr);
    if (mysql_ == nullptr) return trouble("connect: not enough memory");
    set_options(place);
    MYSQL* connected = nullptr;
    const bool local = !place.socket.empty();
    const bool in_time = finish(
        [&] {
            return ::mysql_real_connect_start(
                &connected, mysql_, local ? nullptr : place.host.c_str(), account_.user.c_str(),
                settings_.password_view().data(), account_.database.c_str(), place.port,
                local ? place.socket.c_str() : nullptr, CLIENT_FOUND_ROWS);
        },
        [&](int ready) { return ::mysql_real_connect_cont(&connected, mysql_, ready); });
    if (!in_time) return late("connect");
    if (connected == nullptr) return failed("connect");
    if (place.tls && ::mysql_get_ssl_cipher(mysql_) == nullptr)
        return trouble("connect: the connection is not encrypted");
    return set_up(writes);
}

void MysqlConnection::set_options(const MysqlPlace& place) {
    // The stack of a call that waits: looking up a host's name needs more than the default.
    constexpr std::size_t stack = std::size_t{1024} * 1024;
    constexpr std::size_t longest_packet = std::size_t{1024} * 1024;
    const unsigned none = 0;
    const my_bool yes = 1, no = 0;
    const unsigned protocol = place.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
    const auto set = [this](mysql_option option, const void* value) {
        ::mysql_optionsv(mysql_, option, value);
    };
    set(MYSQL_OPT_NONBLOCK, &stack);
    set(MYSQL_OPT_PROTOCOL, &protocol);
    set(MYSQL_SET_CHARSET_NAME, "utf8mb4");
    set(MYSQL_OPT_MAX_ALLOWED_PACKET, &longest_packet);
    // The server may neither ask for a file of ours, nor for the password in clear text, nor for a
    // library to be loaded. Without encryption caching_sha2_password gives the password to whoever
    // sends a key of his own, which on a port may be any account that took the port.
    set(MYSQL_OPT_LOCAL_INFILE, &none);
    set(MARIADB_OPT_RESTRICTED_AUTH,
        place.tls || !place.socket.empty()
            ? "mysql_native_password,client_ed25519,caching_sha2_password,parsec"
            : "mysql_native_password,client_ed25519,parsec");
    set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, place.tls ? &yes : &no);
    if (!place.tls) return;
    set(MYSQL_OPT_SSL_ENFORCE, &yes);
    set(MYSQL_OPT_SSL_CA, account_.ca.c_str());
}

// Several statements are one transaction only if all tables have transactions.
Result<void> MysqlConnection::set_up(bool writes) {
    const std::string seconds = std::to_string(settings_.limit.count());
    auto done = run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,"
                    "ANSI_QUOTES,NO_BACKSLASH_ESCAPES', autocommit = 1, lock_wait_timeout = " +
                    seconds + ", innodb_lock_wait_timeout = " + seconds);
    if (!done || !writes) return done;
    const auto read_only = ask("SELECT @@GLOBAL.read_only");
    if (!read_only) return read_only.error();
    if (*read_only != "0" && *read_only != "OFF") return trouble("the server takes no writes");
    if (settings_.set_query.size() < 2) return {};
    const auto tables = tables_without_transactions();
    if (!tables) return tables.error();
    if (tables->empty()) return {};
    return misuse("set_query may be only one statement where a table has no transactions: " +
                  *tables);
}

// All such tables that the account can see, because only the server knows which of them the
// statements name.
Result<std::string> MysqlConnection::tables_without_transactions() {
    return ask("SELECT GROUP_CONCAT(t.TABLE_NAME, ' (', t.ENGINE, ')' SEPARATOR ', ') "
               "FROM information_schema.TABLES t JOIN information_schema.ENGINES e "
               "ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE() "
               "AND t.TABLE_TYPE = 'BASE TABLE' AND e.TRANSACTIONS <> 'YES'");
}

// Waits for what the library waits for. 0 at the deadline.
int MysqlConnection::wait(int wanted) const {
    const int events = ((wanted & MYSQL_WAIT_READ) ? POLLIN : 0) |
                       ((wanted & MYSQL_WAIT_WRITE) ? POLLOUT : 0) |
                       ((wanted & MYSQL_WAIT_EXCEPT) ? POLLPRI : 0);
    const bool ready = wait_for(::mysql_get_socket(mysql_), static_cast<short>(events), deadline());
    return ready ? wanted & ~MYSQL_WAIT_TIMEOUT : 0;
}

// Runs a call of the library: `start` begins it, and `go_on` continues it when the socket is ready.
// False at the deadline: then the connection is closed, because the call cannot be ended otherwise.
// With TLS the library does not wait here but in the call.
template <class Start, class GoOn>
bool MysqlConnection::finish(const Start& start, const GoOn& go_on) {
    if (mysql_ == nullptr) return false;
    int wanted = limited(start);
    while (wanted != 0) {
        const int ready = wait(wanted);
        if (ready == 0) return end(), false;
        wanted = limited([&] { return go_on(ready); });
    }
    if (limit_.is_over()) end();
    return !limit_.is_over();
}

// Closes the connection without a message to the server, because that could make this process wait.
void MysqlConnection::end() {
    ::shutdown(::mysql_get_socket(mysql_), SHUT_RDWR);
    ::mysql_close(mysql_);
    mysql_ = nullptr;
}

std::string MysqlConnection::describe(std::string_view deed, unsigned code, std::string_view state,
                                      std::string_view text) const {
    std::string what{deed};
    what += ": ";
    if (!shows_values(code, state)) return what + said(text);
    return what.append("error ") + std::to_string(code) + " (" + said(state) + ")";
}

// If the server refuses a statement, the settings are wrong. A value that cannot be compared with a
// column belongs to no user. Other errors may be temporary.
Error MysqlConnection::failed_statement(MYSQL_STMT* statement, std::string_view deed) const {
    const unsigned code = ::mysql_stmt_errno(statement);
    const std::string_view state = ::mysql_stmt_sqlstate(statement);
    const std::string what = describe(deed, code, state, ::mysql_stmt_error(statement));
    if (state.starts_with("22") || code == ER_TRUNCATED_WRONG_VALUE_FOR_FIELD ||
        code == ER_CANT_AGGREGATE_2COLLATIONS || code == ER_CANT_AGGREGATE_3COLLATIONS ||
        code == ER_CANT_AGGREGATE_NCOLLATIONS)
        return Error{ExitStatus::rejected, what};
    const bool limited = code == ER_TOO_MANY_USER_CONNECTIONS || code == ER_USER_LIMIT_REACHED;
    return state.starts_with("42") && !limited ? misuse(what) : trouble(what);
}

Error MysqlConnection::failed(std::string_view deed) const {
    return trouble(
        describe(deed, ::mysql_errno(mysql_), ::mysql_sqlstate(mysql_), ::mysql_error(mysql_)));
}

// Executes a text of our own that has no result.
Result<void> MysqlConnection::run(const std::string& sql) {
    const std::string deed = sql.substr(0, sql.find(" = "));
    int code = 0;
    if (!finish([&] { return ::mysql_real_query_start(&code, mysql_, sql.data(), sql.size()); },
                [&](int ready) { return ::mysql_real_query_cont(&code, mysql_, ready); }))
        return late(deed);
    if (code != 0) return failed(deed);
    return {};
}

// The value in the first row of our own SELECT; empty for NULL and for no row.
Result<std::string> MysqlConnection::ask(const std::string& sql) {
    const auto rows = select(SqlStatement{.text = sql}, {}, Lock::none);
    if (!rows) return rows.error();
    return rows->empty() ? std::string{} : rows->front().front().value.value_or("");
}

Result<MysqlStatement> MysqlConnection::make(const SqlStatement& statement, Lock lock) {
    if (mysql_ == nullptr) return late("prepare");
    const std::string text = statement.text + (lock == Lock::rows ? " FOR UPDATE" : "");
    MysqlStatement prepared{::mysql_stmt_init(mysql_), CloseMysqlStatement{this}};
    if (!prepared) return trouble("prepare: not enough memory");
    MYSQL_STMT* const made = prepared.get();
    int code = 0;
    if (!finish([&] { return ::mysql_stmt_prepare_start(&code, made, text.data(), text.size()); },
                [&](int ready) { return ::mysql_stmt_prepare_cont(&code, made, ready); }))
        return late("prepare");
    if (code != 0) return failed_statement(made, "prepare");
    if (::mysql_stmt_param_count(made) != statement.parameters.size())
        return misuse("the server reads the statement in another way: " + text);
    return prepared;
}

// Prepares and executes.
Result<MysqlStatement> MysqlConnection::run(const SqlStatement& statement, const SqlValues& values,
                                            Lock lock) {
    auto prepared = make(statement, lock);
    if (!prepared) return prepared;
    MYSQL_STMT* const made = prepared->get();
    std::vector<std::string> texts;
    texts.reserve(statement.parameters.size());
    std::vector<MYSQL_BIND> bound(statement.parameters.size());
    std::int64_t now = values.now;
    for (std::size_t i = 0; i < bound.size(); ++i) {
        const SqlParameter parameter = statement.parameters[i];
        const auto text = values.text(parameter);
        texts.push_back(text.value_or(""));
        bound[i].buffer_type = text ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
        bound[i].buffer = texts[i].data();
        bound[i].buffer_length = texts[i].size();
        if (parameter != SqlParameter::now) continue;
        bound[i].buffer_type = MYSQL_TYPE_LONGLONG;
        bound[i].buffer = &now;
    }
    if (!bound.empty() && ::mysql_stmt_bind_param(made, bound.data()) != 0)
        return failed_statement(made, "bind the values");
    int code = 0;
    if (!finish([&] { return ::mysql_stmt_execute_start(&code, made); },
                [&](int ready) { return ::mysql_stmt_execute_cont(&code, made, ready); }))
        return late("execute");
    if (code != 0) return failed_statement(made, "execute");
    return prepared;
}

// Reads two rows. If there are more, the connection is over: nobody waits for all of them.
Result<std::vector<SqlRow>> MysqlConnection::read(MYSQL_STMT* statement) {
    const auto names = column_names(statement);
    std::vector<MYSQL_BIND> bound(names.size());
    std::vector<unsigned long> lengths(names.size());
    std::vector<my_bool> nulls(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        bound[i].buffer_type = MYSQL_TYPE_STRING;
        bound[i].length = &lengths[i];
        bound[i].is_null = &nulls[i];
    }
    if (::mysql_stmt_bind_result(statement, bound.data()) != 0)
        return failed_statement(statement, "read a row");
    std::vector<SqlRow> rows;
    for (;;) {
        int code = 0;
        if (!finish([&] { return ::mysql_stmt_fetch_start(&code, statement); },
                    [&](int ready) { return ::mysql_stmt_fetch_cont(&code, statement, ready); }))
            return late("read a row");
        if (code == MYSQL_NO_DATA) return rows;
        if (code != 0 && code != MYSQL_DATA_TRUNCATED)
            return failed_statement(statement, "read a row");
        if (rows.size() == 2) return end(), rows;
        SqlRow& row = rows.emplace_back();
        for (unsigned i = 0; i < names.size(); ++i) {
            SqlColumn& column = row.emplace_back(SqlColumn{names[i], std::nullopt});
            if (nulls[i]) continue;
            column.value = read_value(statement, i, lengths[i]);
            if (!column.value) return end(), trouble("read a row: a value cannot be read");
        }
    }
}

Result<std::vector<std::string>> MysqlConnection::prepare(const SqlStatement& statement,
                                                          Lock lock) {
    const auto prepared = make(statement, lock);
    if (!prepared) return prepared.error();
    return column_names(prepared->get());
}

Result<std::vector<SqlRow>> MysqlConnection::select(const SqlStatement& statement,
                                                    const SqlValues& values, Lock lock) {
    const auto prepared = run(statement, values, lock);
    if (!prepared) return prepared.error();
    return read(prepared->get());
}

Result<std::uint64_t> MysqlConnection::execute(const SqlStatement& statement,
                                               const SqlValues& values) {
    const auto prepared = run(statement, values, Lock::none);
    if (!prepared) return prepared.error();
    if (::mysql_stmt_field_count(prepared->get()) == 0)
        return ::mysql_stmt_affected_rows(prepared->get());
    if (auto rows = read(prepared->get()); !rows) return rows.error();
    return std::uint64_t{0};
}

SqlConnection::Committed MysqlConnection::commit() {
    const auto done = run("COMMIT");
    if (done) return {Commit::done};
    // Class 40 says that the transaction was rolled back. Other errors may come after the commit,
    // such as those of a proxy that has lost its server.
    const bool said_so =
        mysql_ != nullptr && std::string_view{::mysql_sqlstate(mysql_)}.starts_with("40");
    return {said_so ? Commit::rolled_back : Commit::lost, done.error().what};
}

// What the account may do beyond reading and, if there is a set_query, beyond changing the columns
// that it was given.
void MysqlConnection::look_over(Report& report) {
    if (!place_.socket.empty())
        warn_of_socket(account_.user, place_.socket, report);
    else if (!place_.tls)
        warn_of_port(account_.user, place_.host, place_.port == 0 ? MYSQL_PORT : place_.port,
                     report);
    const std::string mine =
        " WHERE GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), "
        "'''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''') AND PRIVILEGE_TYPE <> 'USAGE'";
    const std::string but_select = mine + " AND PRIVILEGE_TYPE <> 'SELECT'";
    std::string granted = "SELECT CONCAT(PRIVILEGE_TYPE, ' everywhere') AS may "
                          "FROM information_schema.USER_PRIVILEGES" +
                          mine +
                          " UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' in ', TABLE_SCHEMA) "
                          "FROM information_schema.SCHEMA_PRIVILEGES" +
                          but_select +
                          " UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' in ', TABLE_NAME) "
                          "FROM information_schema.TABLE_PRIVILEGES" +
                          but_select;
    if (settings_.set_query.empty())
        granted += " UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' of ', TABLE_NAME, '.', COLUMN_NAME) "
                   "FROM information_schema.COLUMN_PRIVILEGES" +
                   but_select;
    const auto more =
        ask("SELECT GROUP_CONCAT(may SEPARATOR ', ') FROM (" + granted + ") AS granted");
    if (!more)
        report.warn(account_.user,
                    "what the account may do cannot be found out: " + more.error().message());
    else if (!more->empty())
        report.warn(account_.user, "the database account may do more than is needed: " + *more +
                                       "; grant only what the statements use");
    else
        report.ok(account_.user, "the database account may do no more than is needed");
    if (settings_.set_query.empty()) return;
    if (const auto tables = tables_without_transactions(); tables && !tables->empty())
        report.warn(account_.user,
                    "tables have no transactions, so a change cannot be taken back: " + *tables +
                        "; use InnoDB");
    if (const auto flush = ask("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit");
        flush && *flush != "1")
        report.warn(account_.user,
                    "the server may lose an acknowledged change when it crashes, because its "
                    "innodb_flush_log_at_trx_commit is " +
                        *flush + "; set it to 1");
}

} // namespace poppass
