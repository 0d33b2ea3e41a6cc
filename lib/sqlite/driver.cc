#include "sqlite/driver.hh"

#include "base/alarm.hh"
#include "sqlite/file.hh"

#include <sqlite3.h>

#include <poll.h>

namespace poppass {

namespace {

using namespace std::chrono_literals;

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
    void operator()(sqlite3* database) const { ::sqlite3_close_v2(database); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
using Database = std::unique_ptr<sqlite3, Finalize>;

// It makes SQLite read the schema. It also limits how much of the file is kept in memory, because
// otherwise the file itself could set this.
constexpr const char* first_statement = "PRAGMA cache_size = -2000";

class SqliteConnection final : public SqlConnection {
public:
    // All that SQLite does here is done with these rights.
    SqliteConnection(SqliteFile file, EffectiveIds rights, SqlPurpose purpose,
                     Clock::time_point deadline)
        : SqlConnection(deadline), file_(std::move(file)), rights_(std::move(rights)),
          purpose_(purpose) {
        // SQLite's handlers cannot end a system call or the parsing of a schema, so an alarm ends
        // the process. It does not end a change, whose result would be unknown then.
        if (purpose == SqlPurpose::check)
            alarm_.emplace(std::chrono::ceil<std::chrono::seconds>(deadline - Clock::now()) + 1s);
    }

    // Opens the file and reads its schema. A checker that may only read cannot open a database in
    // WAL mode that nobody has open: SQLite would have to make two files beside it. Then the
    // database is read as one that nobody changes, and select() finds out whether that was so.
    Result<void> open() {
        for (;;) {
            snapshot_.reset();
            if (auto done = open_as(file_.uri("")); !done) return done;
            if (auto done = run(first_statement); done || purpose_ == SqlPurpose::change)
                return done;
            const auto code = ::sqlite3_errcode(database_.get()) & 0xff;
            const Error error = failed("open");
            if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY) return error;
            if (::sqlite3_extended_errcode(database_.get()) == SQLITE_READONLY_ROLLBACK) {
                undo_interrupted_change();
                if (is_late(this) == 0) continue;
                return trouble("an interrupted change has left a journal, and only an account that "
                               "may write the database can undo the change");
            }
            snapshot_ = file_.still(deadline());
            if (snapshot_) break;
            // Somebody has it open by now, or has just closed it.
            if (is_late(this) != 0) return error;
            wait_for_lock(this, 0);
        }
        if (auto done = open_as(file_.uri("?immutable=1")); !done) return done;
        return run(first_statement);
    }

    Result<std::vector<std::string>> prepare(const SqlStatement& statement, Lock) override {
        const auto prepared = make(statement);
        if (!prepared) return prepared.error();
        std::vector<std::string> names;
        for (int i = 0; i < ::sqlite3_column_count(prepared->get()); ++i)
            names.emplace_back(::sqlite3_column_name(prepared->get(), i));
        return names;
    }

    Result<std::vector<SqlRow>> select(const SqlStatement& statement, const SqlValues& values,
                                       Lock) override {
        for (;;) {
            auto rows = read(statement, values);
            if (!snapshot_ || file_.is_still(*snapshot_)) return rows;
            if (Clock::now() > deadline()) return trouble("the file is changed all the time");
            if (auto opened = open(); !opened) return opened.error();
        }
    }

    Result<Writers> writers() override {
        const auto now = SqliteFile::find(file_.path());
        if (!now) return now.error();
        if (!now->is(file_) || has_moved()) return trouble(file_.path() + " was replaced");
        Writers writers = file_.writers();
        writers.others = writers.others || now->writers().others;
        return writers;
    }

    Result<void> begin() override { return run("BEGIN IMMEDIATE"); }
    Result<void> roll_back() override { return run("ROLLBACK"); }

    Result<std::uint64_t> execute(const SqlStatement& statement, const SqlValues& values) override {
        auto prepared = bind(statement, values);
        if (!prepared) return prepared.error();
        int code;
        while ((code = ::sqlite3_step(prepared->get())) == SQLITE_ROW) continue;
        if (code != SQLITE_DONE) return failed("set_query");
        if (::sqlite3_stmt_readonly(prepared->get()) != 0) return std::uint64_t{0};
        return static_cast<std::uint64_t>(::sqlite3_changes(database_.get()));
    }

    // A busy database stays in the transaction. After other errors the file may hold the change. In
    // WAL mode SQLite itself does not notice that the file was replaced.
    Committed commit() override {
        if (has_moved())
            return {run("ROLLBACK") ? Commit::rolled_back : Commit::lost,
                    file_.path() + " was replaced meanwhile"};
        if (::sqlite3_exec(database_.get(), "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK)
            return has_moved() ? Committed{Commit::lost, file_.path() + " was replaced meanwhile"}
                               : Committed{Commit::done};
        const bool busy = (::sqlite3_errcode(database_.get()) & 0xff) == SQLITE_BUSY;
        Committed committed{Commit::lost, failed("commit").what};
        if (busy && run("ROLLBACK")) committed.how = Commit::rolled_back;
        return committed;
    }

    void look_over(Report& report) override { file_.look_over(purpose_, report); }

private:
    // A change that was killed in the middle has left a journal. SQLite undoes the change when the
    // next process that may write reads the file.
    void undo_interrupted_change() {
        if (open_as(file_.uri(""), SQLITE_OPEN_READWRITE) && run(first_statement)) return;
        wait_for_lock(this, 0);
    }

    Result<void> open_as(const std::string& uri) {
        return open_as(uri, purpose_ == SqlPurpose::check ? SQLITE_OPEN_READONLY
                                                          : SQLITE_OPEN_READWRITE);
    }

    Result<void> open_as(const std::string& uri, int mode) {
        if (auto good = file_.check_beside(); !good) return good;
        constexpr int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
        sqlite3* database = nullptr;
        const int code = ::sqlite3_open_v2(uri.c_str(), &database, mode | flags, nullptr);
        database_.reset(database);
        if (database == nullptr) return trouble("open: not enough memory");
        if (code != SQLITE_OK) return failed("open");
        ::sqlite3_busy_handler(database, wait_for_lock, this);
        constexpr int steps = 50;
        ::sqlite3_progress_handler(database, steps, is_late, this);
        // Standard quotes: "x" is a name and never a text. The schema, which whoever may write the
        // file can change, gets no powers.
        ::sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
        ::sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        ::sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
        // The file could ask for more than this; the limits hold for its schema too.
        constexpr int longest = 100'000;
        ::sqlite3_limit(database, SQLITE_LIMIT_LENGTH, longest);
        ::sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, longest);
        // The directory is synced too, so that no lost journal undoes an acknowledged change.
        return purpose_ == SqlPurpose::change ? run("PRAGMA synchronous = EXTRA") : Result<void>{};
    }

    // If SQLite refuses a statement, the settings are wrong; other errors may be temporary.
    Error failed(std::string_view deed) const {
        const int code = ::sqlite3_errcode(database_.get()) & 0xff;
        const std::string what = std::string{deed} + ": " + said(::sqlite3_errmsg(database_.get()));
        const bool statement =
            code == SQLITE_ERROR || code == SQLITE_MISUSE || code == SQLITE_RANGE;
        return statement ? misuse(what) : trouble(what);
    }

    // Whether the file that is open is not the one at its path any more.
    bool has_moved() {
        int moved = 0;
        return ::sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
                   SQLITE_OK ||
               moved != 0;
    }

    static int wait_for_lock(void* self, int) {
        if (is_late(self) != 0) return 0;
        constexpr int pause = 5;
        ::poll(nullptr, 0, pause);
        return 1;
    }

    static int is_late(void* self) {
        return Clock::now() > static_cast<SqliteConnection*>(self)->deadline() ? 1 : 0;
    }

    Result<void> run(const char* sql) {
        if (::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
            return failed(sql);
        return {};
    }

    Result<Statement> make(const SqlStatement& statement) {
        sqlite3_stmt* made = nullptr;
        const char* tail = nullptr;
        const int code =
            ::sqlite3_prepare_v2(database_.get(), statement.text.c_str(), -1, &made, &tail);
        Statement prepared{made};
        if (code != SQLITE_OK) return failed("prepare");
        const auto count = static_cast<std::size_t>(::sqlite3_bind_parameter_count(made));
        if (made == nullptr || *tail != '\0' || count != statement.parameters.size())
            return misuse("SQLite reads the statement in another way: " + statement.text);
        return prepared;
    }

    Result<Statement> bind(const SqlStatement& statement, const SqlValues& values) {
        auto prepared = make(statement);
        if (!prepared) return prepared;
        int place = 0;
        for (const SqlParameter parameter : statement.parameters) {
            const auto text = values.text(parameter);
            int code = SQLITE_OK;
            ++place;
            if (parameter == SqlParameter::now)
                code = ::sqlite3_bind_int64(prepared->get(), place, values.now);
            else if (text)
                code = ::sqlite3_bind_text(prepared->get(), place, text->data(),
                                           static_cast<int>(text->size()), SQLITE_TRANSIENT);
            if (code != SQLITE_OK) return failed("bind a value");
        }
        return prepared;
    }

    Result<std::vector<SqlRow>> read(const SqlStatement& statement, const SqlValues& values) {
        const auto prepared = bind(statement, values);
        if (!prepared) return prepared.error();
        sqlite3_stmt* const cursor = prepared->get();
        std::vector<SqlRow> rows;
        int code = SQLITE_ROW;
        while (rows.size() < 2 && (code = ::sqlite3_step(cursor)) == SQLITE_ROW) {
            SqlRow& row = rows.emplace_back();
            for (int i = 0; i < ::sqlite3_column_count(cursor); ++i) {
                SqlColumn& column = row.emplace_back();
                column.name = ::sqlite3_column_name(cursor, i);
                if (::sqlite3_column_type(cursor, i) == SQLITE_NULL) continue;
                const auto* const text = ::sqlite3_column_text(cursor, i);
                if (text == nullptr) return trouble("read a row: not enough memory");
                column.value.emplace(reinterpret_cast<const char*>(text),
                                     static_cast<std::size_t>(::sqlite3_column_bytes(cursor, i)));
            }
        }
        if (code != SQLITE_ROW && code != SQLITE_DONE) return failed("user_query");
        return rows;
    }

    std::optional<Alarm> alarm_;
    SqliteFile file_;
    EffectiveIds rights_; // given back after the database is closed
    SqlPurpose purpose_;
    Database database_;
    std::optional<SqliteFile::Snapshot> snapshot_; // set while the file is read as immutable
};

class SqliteDriver final : public SqlDriver {
public:
    SqlDialect dialect() const override { return SqlDialect::sqlite; }

    Result<std::vector<SqlHost>> prepare(const SqlSettings& settings, SqlPurpose purpose) override {
        if (!settings.connect.starts_with('/'))
            return misuse("connect must be the absolute path of a database");
        if (!settings.check_hosts.empty() || settings.password)
            return misuse("SQLite has no check_hosts and no password: remove them");
        path_ = settings.connect;
        purpose_ = purpose;
        constexpr sqlite3_int64 most_memory = 64 << 20;
        ::sqlite3_hard_heap_limit64(most_memory);
        return std::vector{SqlHost{settings.connect, {}}};
    }

    Result<std::unique_ptr<SqlConnection>> connect(std::size_t,
                                                   Clock::time_point deadline) override {
        auto file = SqliteFile::find(path_);
        if (!file) return file.error();
        auto rights = file->as_owner();
        if (!rights) return rights.error();
        auto connection = std::make_unique<SqliteConnection>(std::move(*file), std::move(*rights),
                                                             purpose_, deadline);
        if (auto opened = connection->open(); !opened) return opened.error();
        return std::unique_ptr<SqlConnection>{std::move(connection)};
    }

private:
    std::string path_;
    SqlPurpose purpose_ = SqlPurpose::check;
};

} // namespace

std::unique_ptr<SqlDriver> sqlite_driver() { return std::make_unique<SqliteDriver>(); }

} // namespace poppass
