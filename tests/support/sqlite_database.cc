#include "support/sqlite_database.hh"

#include "support/users_file.hh"

#include <sqlite3.h>

#include <stdexcept>

namespace poppass::test {

namespace {

// sha256crypt with 1000 rounds, of the password "ann's".
const std::string hash_of_ann =
    "$5$rounds=1000$abcdefgh$SHLM3BkUYAlG9hUzcj9uBgZvuYMS2MjMrX0ojFb/U80";

} // namespace

Sqlite::Sqlite(const std::string& path) {
    if (::sqlite3_open(path.c_str(), &database_) != SQLITE_OK)
        throw std::runtime_error("open " + path);
    ::sqlite3_busy_timeout(database_, 5000);
}

Sqlite::~Sqlite() { ::sqlite3_close(database_); }

std::vector<std::string> Sqlite::run(const std::string& sql,
                                     const std::vector<std::string>& values) const {
    const auto must = [&](int code, int other = SQLITE_OK) {
        if (code != SQLITE_OK && code != other)
            throw std::runtime_error(sql + ": " + ::sqlite3_errmsg(database_));
        return code;
    };
    std::vector<std::string> rows;
    for (const char* rest = sql.c_str(); *rest != '\0';) {
        sqlite3_stmt* statement = nullptr;
        must(::sqlite3_prepare_v2(database_, rest, -1, &statement, &rest));
        if (statement == nullptr) continue;
        for (std::size_t i = 0; i < values.size(); ++i)
            must(::sqlite3_bind_text(statement, int(i) + 1, values[i].data(), int(values[i].size()),
                                     SQLITE_TRANSIENT));
        int code;
        while ((code = ::sqlite3_step(statement)) == SQLITE_ROW) {
            std::string row;
            for (int i = 0; i < ::sqlite3_column_count(statement); ++i) {
                const auto* const text = ::sqlite3_column_text(statement, i);
                row += i == 0 ? "" : "|";
                if (text != nullptr)
                    row.append(reinterpret_cast<const char*>(text),
                               std::size_t(::sqlite3_column_bytes(statement, i)));
            }
            rows.push_back(row);
        }
        ::sqlite3_finalize(statement);
        must(code, SQLITE_DONE);
    }
    return rows;
}

SqliteUsers::SqliteUsers() : SqlUsers("sqlite") {
    Sqlite{path}.run("CREATE TABLE users (email TEXT PRIMARY KEY COLLATE NOCASE, password TEXT, "
                     "locked INTEGER, expired INTEGER, changed INTEGER);"
                     "INSERT INTO users VALUES ('joe@x.org', '{CRYPT}" +
                     hash_of_old + "', 0, NULL, NULL), ('ann@x.org', '{CRYPT}" + hash_of_ann +
                     "', 0, 0, NULL);");
    configure();
}

} // namespace poppass::test
