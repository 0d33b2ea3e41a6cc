// The statements of an administrator's settings. The first line of the input is the dialect's
// number, the rest is the statements.
#include "sql/statement.hh"

#include "fuzz/target.hh"

#include <algorithm>
#include <string>

namespace poppass::fuzz {

namespace {

using Statements = Result<std::vector<SqlStatement>>;

void must_be_misuse(const Error& error) {
    must(error.status == ExitStatus::misused, "what cannot be parsed is misuse");
    must(!has_control(error.what), "what is said of it is one line");
}

// The statement alone, without parameters, is what a server gets: it must mean the same there.
void try_again(const SqlStatement& statement, SqlDialect dialect) {
    must(statement.text.find('\0') == std::string::npos, "no text holds a NUL");
    const auto again = parse_statements(statement.text, dialect);
    if (!statement.parameters.empty()) {
        must(!again, "a parameter has become a mark, which is none of ours");
        return;
    }
    must(again && again->size() == 1, "a statement stays one");
    must(again->front().text == statement.text && again->front().words == statement.words,
         "a statement without parameters stays as it is");
}

// Nothing that the input begins is still open at its end.
void try_with_more(std::string_view sql, SqlDialect dialect, std::size_t count) {
    const auto more = parse_statements(std::string{sql} + "\n;SELECT :login", dialect);
    must(more && more->size() == count + 1, "a further statement is one more");
    must(more->back().parameters == std::vector{SqlParameter::login}, "with its own parameter");
}

// Whatever stands in quotes is no parameter and ends no statement.
void try_quoted(std::string_view text, SqlDialect dialect, char quote) {
    if (text.find('\0') != text.npos) return;
    std::string sql = "SELECT ";
    sql += quote;
    for (const char c : text) sql.append(c == quote ? 2 : 1, c);
    sql += quote;
    const auto parsed = parse_statements(sql, dialect);
    must(parsed && parsed->size() == 1, "a quoted text is one statement");
    must(parsed->front().text == sql && parsed->front().parameters.empty() &&
             parsed->front().words.size() == 1,
         "nothing in quotes is looked at");
}

void try_queries(std::string_view sql, SqlDialect dialect) {
    const auto query = parse_user_query(sql, dialect);
    if (query)
        must(query->words.at(0) == "SELECT" && !query->has(SqlParameter::hash) &&
                 (query->has(SqlParameter::login) || query->has(SqlParameter::local)),
             "user_query is a SELECT for a login");
    else
        must_be_misuse(query.error());
    const auto change = parse_set_query(sql, dialect);
    if (!change) return must_be_misuse(change.error());
    std::size_t writers = 0;
    for (const auto& statement : *change) {
        if (!statement.has(SqlParameter::hash)) continue;
        ++writers;
        must(statement.words.at(0) == "UPDATE" && statement.has(SqlParameter::old_hash),
             "only an UPDATE that compares the old hash writes one");
    }
    must(writers == 1, "one statement writes the hash");
}

} // namespace

void try_input(std::string_view input) {
    constexpr SqlDialect dialects[] = {SqlDialect::sqlite, SqlDialect::pgsql, SqlDialect::mysql};
    const auto dialect = dialects[take_number(input) % std::size(dialects)];
    const Statements statements = parse_statements(input, dialect);
    if (statements) {
        for (const auto& statement : *statements) try_again(statement, dialect);
        try_with_more(input, dialect, statements->size());
    } else {
        must_be_misuse(statements.error());
    }
    try_quoted(input, dialect, '\'');
    try_quoted(input, dialect, '"');
    try_queries(input, dialect);
}

} // namespace poppass::fuzz
