// The statements of an administrator's settings: finds their `:name` parameters, so that each
// becomes a bound parameter of the driver. No value is ever put into the text.
#pragma once

#include "base/result.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

enum class SqlDialect { sqlite, pgsql, mysql };

enum class SqlParameter { login, local, domain, ip, hash, old_hash, now };

struct SqlStatement {
    std::string text;                     // with the dialect's own marks: $1, $2, ... or ?
    std::vector<SqlParameter> parameters; // one for each mark, in their order
    std::vector<std::string> words;       // its plain words, in capital letters

    bool has(SqlParameter parameter) const;
    bool has_word(std::string_view word) const;
};

// Splits at `;` and finds the parameters. Quotes, comments, dollar quotes and casts are passed
// over, as the dialect has them under the session that our drivers set up (standard strings, ANSI
// quotes, no backslash escapes). Misuse, with the place, if a quote or comment does not end, if a
// parameter is not one of ours, if the text has marks of its own (`?`, `$1`) or a comment that
// MySQL executes.
Result<std::vector<SqlStatement>> parse_statements(std::string_view sql, SqlDialect dialect);

// The one SELECT of `user_query`, which must name the login. Misuse if it is anything else.
Result<SqlStatement> parse_user_query(std::string_view sql, SqlDialect dialect);

// The statements of `set_query`. Exactly one of them writes the hash: it is an UPDATE, and it names
// the login, :hash and :old_hash. Misuse if it is otherwise, or if one of them could make a row
// (REPLACE, ON DUPLICATE KEY, ON CONFLICT) or end the transaction.
Result<std::vector<SqlStatement>> parse_set_query(std::string_view sql, SqlDialect dialect);

} // namespace poppass
