#include "sql/statement.hh"

#include "base/text.hh"

#include <algorithm>
#include <iterator>
#include <utility>

namespace poppass {

namespace {

constexpr std::pair<std::string_view, SqlParameter> parameter_names[] = {
    {"login", SqlParameter::login},   {"local", SqlParameter::local},
    {"domain", SqlParameter::domain}, {"ip", SqlParameter::ip},
    {"hash", SqlParameter::hash},     {"old_hash", SqlParameter::old_hash},
    {"now", SqlParameter::now},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool begins_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool continues_word(char c) { return begins_word(c) || is_digit(c) || c == '$'; }

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string upper(std::string_view word) {
    std::string out{word};
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return out;
}

class Parser {
public:
    Parser(std::string_view sql, SqlDialect dialect) : rest_(sql), dialect_(dialect) {}

    Result<std::vector<SqlStatement>> run() {
        if (rest_.find('\0') != rest_.npos) return misuse("a NUL");
        while (!rest_.empty())
            if (auto done = step(); !done) return done.error();
        end_statement();
        return std::move(statements_);
    }

private:
    char at(std::size_t i) const { return i < rest_.size() ? rest_[i] : '\0'; }

    void copy(std::size_t count) {
        now_.text += rest_.substr(0, count);
        rest_.remove_prefix(std::min(count, rest_.size()));
    }

    Error wrong(std::string_view what) const {
        constexpr std::size_t shown = 24;
        return misuse(std::string{what} + " at: " + one_line(rest_.substr(0, shown), shown));
    }

    void end_statement() {
        if (!std::all_of(now_.text.begin(), now_.text.end(), is_blank))
            statements_.push_back(std::move(now_));
        now_ = {};
    }

    // Copies the text from here up to `mark`, which ends it. If `doubled`, a mark that stands twice
    // is a part of the text.
    Result<void> quoted(std::size_t from, std::string_view mark, bool doubled) {
        std::size_t end = from;
        for (;;) {
            end = rest_.find(mark, end);
            if (end == rest_.npos) return wrong("a quote or a comment has no end");
            end += mark.size();
            if (!doubled || !rest_.substr(end).starts_with(mark)) break;
            end += mark.size();
        }
        copy(end);
        return {};
    }

    // With a blank or nothing behind them, they would begin a comment of MySQL's.
    bool ends_with_minuses() const { return now_.text.ends_with("--"); }
    static constexpr std::string_view minuses = "two minus signs before a comment or an end";

    // A comment becomes a blank: what it says is of no use to the server.
    Result<void> comment() {
        if (dialect_ == SqlDialect::mysql && (at(2) == '!' || (at(2) == 'M' && at(3) == '!')))
            return wrong("a comment that the server would execute");
        if (ends_with_minuses()) return wrong(minuses);
        std::size_t depth = 0, end = 0;
        do {
            const std::string_view here = rest_.substr(end, 2);
            if (here.empty()) return wrong("a quote or a comment has no end");
            const bool opens = here == "/*" && (depth == 0 || dialect_ == SqlDialect::pgsql);
            const bool closes = here == "*/";
            depth += opens ? 1 : 0;
            depth -= closes ? 1 : 0;
            end += opens || closes ? 2 : 1;
        } while (depth > 0);
        rest_.remove_prefix(end);
        now_.text += ' ';
        return {};
    }

    Result<void> line_comment() {
        if (ends_with_minuses()) return wrong(minuses);
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
        now_.text += ' ';
        return {};
    }

    Result<void> dollar() {
        if (dialect_ == SqlDialect::pgsql) {
            std::size_t end = 1;
            while (begins_word(at(end)) || (end > 1 && is_digit(at(end)))) ++end;
            if (at(end) == '$')
                return quoted(end + 1, std::string{rest_.substr(0, end + 1)}, false);
        }
        return wrong("a parameter of the database's own");
    }

    Result<void> colon() {
        if (at(1) == ':' || at(1) == '=') {
            copy(2);
            return {};
        }
        if (!begins_word(at(1))) {
            copy(1);
            return {};
        }
        std::size_t end = 1;
        while (begins_word(at(end)) || is_digit(at(end))) ++end;
        const std::string_view name = rest_.substr(1, end - 1);
        const auto* const found =
            std::find_if(std::begin(parameter_names), std::end(parameter_names),
                         [name](const auto& row) { return row.first == name; });
        if (found == std::end(parameter_names)) return wrong("no such parameter");
        now_.parameters.push_back(found->second);
        if (dialect_ != SqlDialect::pgsql) {
            now_.text += '?';
        } else {
            // Right behind a word it would be a part of the word.
            if (!now_.text.empty() && continues_word(now_.text.back())) now_.text += ' ';
            now_.text += "$" + std::to_string(now_.parameters.size());
        }
        rest_.remove_prefix(end);
        return {};
    }

    Result<void> word() {
        std::size_t length = 1;
        while (continues_word(at(length))) ++length;
        const std::string_view text = rest_.substr(0, length);
        // E'...' is PostgreSQL's string with backslashes; N'', B'', X'' and U&'' end as plain ones.
        if (dialect_ == SqlDialect::pgsql && same_but_for_case(text, "E") && at(1) == '\'')
            return wrong("a string with backslashes");
        if (upper(text) == "REPLACE" && !now_.words.empty() && now_.words.back() == "OR")
            now_.words.back() = "OR REPLACE";
        else
            now_.words.push_back(upper(text));
        copy(length);
        return {};
    }

    Result<void> step() {
        const char c = at(0), next = at(1);
        const bool mysql = dialect_ == SqlDialect::mysql;
        if (c == '\'' || c == '"') return quoted(1, std::string(1, c), true);
        if (c == '`' && dialect_ != SqlDialect::pgsql) return quoted(1, "`", true);
        if (c == '[' && dialect_ == SqlDialect::sqlite) return quoted(1, "]", false);
        if (c == '/' && next == '*') return comment();
        // In MySQL a blank or a control character must follow the two hyphens; without it they are
        // two minus signs.
        if (c == '-' && next == '-' && (!mysql || at(2) == ' ' || is_control(at(2))))
            return line_comment();
        if (c == '#' && mysql) return line_comment();
        if (c == ':') return colon();
        if (c == '$') return dollar();
        if (c == '?' || (c == '@' && dialect_ == SqlDialect::sqlite))
            return wrong("a parameter of the database's own");
        if (begins_word(c)) return word();
        if (is_digit(c)) {
            std::size_t end = 1;
            while (continues_word(at(end))) ++end;
            copy(end);
            return {};
        }
        if (c == ';') {
            if (ends_with_minuses()) return wrong(minuses);
            rest_.remove_prefix(1);
            end_statement();
            return {};
        }
        copy(1);
        return {};
    }

    std::string_view rest_;
    SqlDialect dialect_;
    SqlStatement now_;
    std::vector<SqlStatement> statements_;
};

bool names_login(const SqlStatement& statement) {
    return statement.has(SqlParameter::login) || statement.has(SqlParameter::local);
}

} // namespace

bool SqlStatement::has(SqlParameter parameter) const {
    return std::find(parameters.begin(), parameters.end(), parameter) != parameters.end();
}

bool SqlStatement::has_word(std::string_view word) const {
    return std::find(words.begin(), words.end(), word) != words.end();
}

Result<std::vector<SqlStatement>> parse_statements(std::string_view sql, SqlDialect dialect) {
    return Parser{sql, dialect}.run();
}

Result<SqlStatement> parse_user_query(std::string_view sql, SqlDialect dialect) {
    auto statements = parse_statements(sql, dialect);
    if (!statements) return misuse("user_query: " + statements.error().what);
    if (statements->size() != 1 || statements->front().words.empty() ||
        statements->front().words.front() != "SELECT")
        return misuse("user_query must be one SELECT");
    const SqlStatement& query = statements->front();
    if (!names_login(query)) return misuse("user_query does not name :login or :local");
    if (query.has(SqlParameter::hash) || query.has(SqlParameter::old_hash))
        return misuse("user_query may not name :hash or :old_hash: both are known only later");
    return query;
}

Result<std::vector<SqlStatement>> parse_set_query(std::string_view sql, SqlDialect dialect) {
    auto statements = parse_statements(sql, dialect);
    if (!statements) return misuse("set_query: " + statements.error().what);
    std::size_t writers = 0;
    for (const SqlStatement& statement : *statements) {
        if (statement.words.empty()) return misuse("set_query: a statement without words");
        const std::string& verb = statement.words.front();
        if (verb != "UPDATE" && verb != "INSERT" && verb != "DELETE" && verb != "SELECT")
            return misuse("set_query may not contain " + verb);
        // INSERT OR REPLACE, ON DUPLICATE KEY UPDATE, ON CONFLICT DO UPDATE
        for (const std::string_view word : {"OR REPLACE", "DUPLICATE", "CONFLICT"})
            if (statement.has_word(word))
                return misuse("set_query may not contain " + std::string{word});
        if (!statement.has(SqlParameter::hash)) continue;
        ++writers;
        if (verb != "UPDATE" || !statement.has(SqlParameter::old_hash) || !names_login(statement))
            return misuse("set_query: what writes :hash must be an UPDATE that names :old_hash and "
                          ":login or :local");
    }
    if (writers != 1) return misuse("set_query must have one UPDATE that writes :hash");
    return statements;
}

} // namespace poppass
