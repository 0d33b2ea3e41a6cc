#include "pgsql/connection.hh"

#include "base/alarm.hh"
#include "base/network.hh"
#include "base/text.hh"
#include "sql/host.hh"
#include "sql/memory_limit.hh"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <poll.h>

namespace poppass {

namespace {

constexpr int longest_value = 100'000; // of a column

// What is sent for a lock: others can neither change the row nor lock it so themselves.
std::string with_lock(const SqlStatement& statement, SqlConnection::Lock lock) {
    return lock == SqlConnection::Lock::rows ? statement.text + " FOR UPDATE" : statement.text;
}

std::string_view field(const PGresult* answer, int code) {
    const char* const text = ::PQresultErrorField(answer, code);
    return text == nullptr ? std::string_view{} : text;
}

// Whether a result of this status can belong to a statement of ours; no result is FATAL_ERROR too.
// After the others, which begin a COPY, libpq would have one more result for ever.
bool is_usual(ExecStatusType status) {
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
           status == PGRES_SINGLE_TUPLE || status == PGRES_FATAL_ERROR;
}

// Whether the text of such an error is PostgreSQL's own and holds no value of a row. Of class 22
// and 23 it does, and the code of a trigger says what it likes, by default as P0001.
bool has_harmless_text(std::string_view state) {
    constexpr std::string_view classes[] = {"08", "0A", "25", "26", "28", "2F", "3D", "3F",
                                            "40", "42", "53", "54", "55", "57", "58", "XX"};
    return std::find(std::begin(classes), std::end(classes), state.substr(0, 2)) !=
           std::end(classes);
}

// The value without the padding of a CHAR column.
std::optional<std::string> value(const PGresult* answer, int column) {
    constexpr Oid padded_char = 1042; // bpchar
    if (::PQgetisnull(answer, 0, column) != 0) return std::nullopt;
    std::string text(::PQgetvalue(answer, 0, column),
                     static_cast<std::size_t>(::PQgetlength(answer, 0, column)));
    if (::PQftype(answer, column) == padded_char) text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

const std::string server_start =
    "pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::text";

} // namespace

// A statement that the server refuses is wrong on every server. An error without a SQLSTATE is one
// of libpq's own.
Error PgsqlConnection::failed(std::string_view deed, const PGresult* answer) const {
    const std::string_view state = field(answer, PG_DIAG_SQLSTATE);
    std::string what = std::string{deed} + ": ";
    if (state.starts_with("22"))
        return {ExitStatus::rejected, what + "a value does not fit (SQLSTATE " + said(state) + ")",
                0};
    if (state.empty())
        what += said(::PQerrorMessage(connection_.get()));
    else if (has_harmless_text(state))
        what += said(field(answer, PG_DIAG_MESSAGE_PRIMARY));
    else
        what += "SQLSTATE " + said(state) + ", whose text is not shown: it may hold a value";
    const bool wrong = state.starts_with("42") || state.starts_with("0A") ||
                       state.starts_with("2F") || state.starts_with("26");
    return wrong ? misuse(what) : trouble(what);
}

Result<void> PgsqlConnection::open(const PgsqlOptions& options,
                                   Clock::time_point address_deadline) {
    // In SCRAM the server says how many rounds libpq computes before it looks at the clock again,
    // and that can be half an hour. An end by the alarm is harmless in a change too: it has not
    // begun, or it is being looked up after a lost commit, and no word means "not known".
    const Alarm alarm{std::chrono::ceil<std::chrono::seconds>(address_deadline - Clock::now()) +
                      std::chrono::seconds{1}};
    const MemoryLimit limit;
    std::vector<const char*> keys, values;
    for (const auto& [key, text] : options) {
        keys.push_back(key);
        values.push_back(text);
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    connection_.reset(::PQconnectStartParams(keys.data(), values.data(), 0));
    PGconn* const connection = connection_.get();
    if (connection == nullptr) return trouble("connect: not enough memory");
    ::PQsetNoticeReceiver(
        connection,
        [](void* self, const PGresult* notice) {
            auto* const link = static_cast<PgsqlConnection*>(self);
            if (field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING")
                link->warning_ = link->said(field(notice, PG_DIAG_MESSAGE_PRIMARY));
        },
        this);
    auto state =
        ::PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED)
            return trouble("connect: " + said(::PQerrorMessage(connection)));
        const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(::PQsocket(connection), events, address_deadline))
            return trouble("connect: no answer in time");
        state = ::PQconnectPoll(connection);
    }
    if (::PQsetnonblocking(connection, 1) != 0) return trouble("connect: not enough memory");
    return {};
}

Result<void> PgsqlConnection::set_up(bool writes) {
    const std::string limit = std::to_string(std::chrono::milliseconds{settings_.limit}.count());
    const auto row = ask_row(
        6,
        "SELECT pg_catalog.current_setting('transaction_read_only'),"
        " pg_catalog.set_config('standard_conforming_strings', 'on', false),"
        " pg_catalog.set_config('lock_timeout', $1, false),"
        " pg_catalog.set_config('statement_timeout', $1, false),"
        " pg_catalog.set_config('idle_in_transaction_session_timeout', $1, false),"
        " pg_catalog.set_config('synchronous_commit', CASE v WHEN 'off' THEN 'on' ELSE v END,"
        " false) FROM pg_catalog.current_setting('synchronous_commit') v",
        {limit.c_str()});
    if (!row) return row.error();
    if (writes && row->front() != "off") return trouble("the server takes no writes");
    return {};
}

// The next result of what was sent; nullptr after the last one.
Result<PgsqlConnection::Answer> PgsqlConnection::next_answer() {
    const MemoryLimit limit;
    PGconn* const connection = connection_.get();
    while (Clock::now() < deadline()) {
        const int unsent = ::PQflush(connection);
        if (unsent < 0) return failed("send", nullptr);
        if (unsent == 0 && ::PQisBusy(connection) == 0) {
            Answer answer{::PQgetResult(connection)};
            if (is_usual(::PQresultStatus(answer.get()))) return answer;
            return trouble("the server's answer is no result of a statement");
        }
        const short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
        if (!wait_for(::PQsocket(connection), events, deadline())) break;
        if (::PQconsumeInput(connection) == 0) return failed("receive", nullptr);
    }
    return trouble("no answer in time");
}

// The last result of what was sent. After an error no other result comes.
Result<PgsqlConnection::Answer> PgsqlConnection::last_answer() {
    Answer last;
    for (;;) {
        auto answer = next_answer();
        if (!answer) return answer;
        if (!*answer) break;
        last = std::move(*answer);
    }
    const auto status = ::PQresultStatus(last.get()); // of nullptr: an error
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return failed("the server says", last.get());
    return last;
}

Result<PgsqlConnection::Answer> PgsqlConnection::ask(const std::string& text,
                                                     const std::vector<const char*>& values) {
    if (::PQsendQueryParams(connection_.get(), text.c_str(), static_cast<int>(values.size()),
                            nullptr, values.data(), nullptr, nullptr, 0) == 0)
        return failed("send", nullptr);
    return last_answer();
}

Result<std::vector<std::string>> PgsqlConnection::ask_row(int columns, const std::string& text,
                                                          const std::vector<const char*>& values) {
    const auto answer = ask(text, values);
    if (!answer) return answer.error();
    if (::PQntuples(answer->get()) != 1 || ::PQnfields(answer->get()) != columns)
        return trouble("the server's answer is not the row that was asked for");
    std::vector<std::string> row;
    for (int i = 0; i < columns; ++i) row.push_back(value(answer->get(), i).value_or(""));
    return row;
}

// `row_by_row`: the first result is returned, and the others are to be fetched.
Result<PgsqlConnection::Answer> PgsqlConnection::ask_with(const std::string& text,
                                                          const SqlStatement& statement,
                                                          const SqlValues& values,
                                                          bool row_by_row) {
    std::vector<std::optional<std::string>> texts;
    for (const SqlParameter parameter : statement.parameters)
        texts.push_back(values.text(parameter));
    std::vector<const char*> pointers;
    for (const auto& one : texts) pointers.push_back(one ? one->c_str() : nullptr);
    if (!row_by_row) return ask(text, pointers);
    if (::PQsendQueryParams(connection_.get(), text.c_str(), static_cast<int>(pointers.size()),
                            nullptr, pointers.data(), nullptr, nullptr, 0) == 0 ||
        ::PQsetSingleRowMode(connection_.get()) == 0)
        return failed("send", nullptr);
    return next_answer();
}

Result<std::vector<std::string>> PgsqlConnection::prepare(const SqlStatement& statement,
                                                          Lock lock) {
    PGconn* const connection = connection_.get();
    if (::PQsendPrepare(connection, "", with_lock(statement, lock).c_str(), 0, nullptr) == 0)
        return failed("prepare", nullptr);
    if (const auto prepared = last_answer(); !prepared) return prepared.error();
    if (::PQsendDescribePrepared(connection, "") == 0) return failed("prepare", nullptr);
    const auto described = last_answer();
    if (!described) return described.error();
    if (static_cast<std::size_t>(::PQnparams(described->get())) != statement.parameters.size())
        return misuse("PostgreSQL reads the statement in another way: " + statement.text);
    std::vector<std::string> names;
    for (int i = 0; i < ::PQnfields(described->get()); ++i)
        names.emplace_back(::PQfname(described->get(), i));
    // The server looks at the rights of the account only when it makes a statement ready to run.
    const std::vector<const char*> nulls(statement.parameters.size());
    const auto explained = ask("EXPLAIN " + with_lock(statement, lock), nulls);
    if (!explained) return explained.error();
    return names;
}

Result<std::vector<SqlRow>> PgsqlConnection::select(const SqlStatement& statement,
                                                    const SqlValues& values, Lock lock) {
    std::vector<SqlRow> rows;
    auto answer = ask_with(with_lock(statement, lock), statement, values, true);
    while (answer && ::PQresultStatus(answer->get()) == PGRES_SINGLE_TUPLE) {
        SqlRow& row = rows.emplace_back();
        for (int i = 0; i < ::PQnfields(answer->get()); ++i) {
            if (::PQgetlength(answer->get(), 0, i) > longest_value)
                return trouble("user_query: a value is too long");
            row.push_back({::PQfname(answer->get(), i), value(answer->get(), i)});
        }
        if (rows.size() == 2) return rows; // without the end of the answer
        answer = next_answer();
    }
    if (!answer) return answer.error();
    std::optional<Error> refused;
    if (::PQresultStatus(answer->get()) != PGRES_TUPLES_OK)
        refused = failed("user_query", answer->get());
    while (*answer) {
        answer = next_answer();
        if (!answer) return answer.error();
    }
    if (refused) return *refused;
    return rows;
}

// A transaction is named by its number and by the time when the server was started, because another
// server may have a transaction with this number too, and so may this one after a crash.
Result<void> PgsqlConnection::begin() {
    const auto begun = ask("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {});
    if (!begun) return begun.error();
    const auto row = ask_row(2, "SELECT pg_catalog.pg_current_xact_id()::text, " + server_start);
    if (!row) return row.error();
    transaction_ = (*row)[0] + " " + (*row)[1];
    return {};
}

Result<void> PgsqlConnection::roll_back() {
    const auto done = ask("ROLLBACK", {});
    return done ? Result<void>{} : done.error();
}

Result<std::uint64_t> PgsqlConnection::execute(const SqlStatement& statement,
                                               const SqlValues& values) {
    const auto answer = ask_with(statement.text, statement, values, false);
    if (!answer) return answer.error();
    return std::strtoull(::PQcmdTuples(answer->get()), nullptr, 10);
}

Result<void> PgsqlConnection::do_deferred() {
    const auto done = ask("SET CONSTRAINTS ALL IMMEDIATE", {});
    return done ? Result<void>{} : done.error();
}

// An error that leaves the server outside of a transaction has ended it. If somebody cancels the
// wait for a synchronous standby, the server says COMMIT all the same, after a warning.
SqlConnection::Committed PgsqlConnection::commit() {
    warning_.clear();
    const auto answer = ask("COMMIT", {});
    if (answer && std::string_view{::PQcmdStatus(answer->get())} == "COMMIT")
        return warning_.empty() ? Committed{Commit::done} : Committed{Commit::lost, warning_};
    if (answer) return {Commit::rolled_back, "the server rolled it back"};
    const bool ended = ::PQstatus(connection_.get()) == CONNECTION_OK &&
                       ::PQtransactionStatus(connection_.get()) == PQTRANS_IDLE;
    return {ended ? Commit::rolled_back : Commit::lost, answer.error().message()};
}

Result<SqlConnection::Commit> PgsqlConnection::settle(std::string_view transaction) {
    const std::string number{take_until(transaction, ' ')};
    for (;;) {
        const auto start = ask_row(1, "SELECT " + server_start);
        if (!start) return start.error();
        if (start->front() != transaction) return Commit::lost;
        const auto row =
            ask_row(1, "SELECT pg_catalog.pg_xact_status($1::text::xid8)", {number.c_str()});
        if (!row) return row.error();
        if (row->front() == "committed") return Commit::done;
        if (row->front() == "aborted") return Commit::rolled_back;
        if (row->front() != "in progress") return Commit::lost;
        constexpr int pause = 50;
        ::poll(nullptr, 0, pause);
    }
}

// The statements need the rights to SELECT and UPDATE single columns, and the rights for the other
// verbs of set_query. More rights are a warning.
void PgsqlConnection::look_over(Report& report) {
    PGconn* const connection = connection_.get();
    const std::string host = ::PQhost(connection), port = ::PQport(connection);
    if (host.starts_with('/'))
        warn_of_socket(name_, host + "/.s.PGSQL." + port, report);
    else if (::PQsslInUse(connection) == 0)
        warn_of_port(name_, ::PQhostaddr(connection),
                     static_cast<unsigned>(std::atoi(port.c_str())), report);
    const auto super = ask_row(2, "SELECT rolsuper, rolname FROM pg_catalog.pg_roles "
                                  "WHERE rolname = current_user");
    if (!super) return report.fail(name_, super.error().message());
    const std::string account = "the database account " + (*super)[1];
    if (super->front() == "t")
        return report.warn(name_, account + " is a superuser; give poppass an account that may do "
                                            "only what its statements need");
    // An operator whose types fit better than those of PostgreSQL's own is used in its place, also
    // if its schema is searched later. No operator is used to find this out.
    const auto open = ask_row(1, "SELECT pg_catalog.string_agg(s::text, ', ')"
                                 " FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) s"
                                 " WHERE pg_catalog.has_schema_privilege(s::text, 'CREATE')");
    if (!open) return report.fail(name_, open.error().message());
    if (!open->front().empty())
        report.warn(name_, account + " may create operators and functions in " + open->front() +
                               ", and others may be able to; the statements could use them in the "
                               "place of PostgreSQL's own: revoke CREATE, also from PUBLIC");
    const auto needs = [&](std::string_view verb) {
        return std::any_of(settings_.set_query.begin(), settings_.set_query.end(),
                           [&](const SqlStatement& one) { return one.has_word(verb); });
    };
    std::string rights = "TRUNCATE,UPDATE";
    for (const char* const verb : {"INSERT", "DELETE"})
        if (!needs(verb)) rights.append(",").append(verb);
    const auto row = ask_row(
        2,
        "SELECT pg_catalog.count(*), pg_catalog.min(c.oid::pg_catalog.regclass::text)"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'f')"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND pg_catalog.has_table_privilege(c.oid, $1)",
        {rights.c_str()});
    if (!row) return report.fail(name_, row.error().message());
    if (row->front() == "0")
        return report.ok(name_, account + " may change no more than single columns");
    report.warn(name_, account + " may do more to " + (*row)[1] + " and " +
                           (row->front() == "1" ? "no other table"
                                                : "other tables, " + row->front() + " in all") +
                           ", than its statements need (one of " + rights +
                           " on the whole table): grant SELECT and UPDATE of single columns");
}

} // namespace poppass
