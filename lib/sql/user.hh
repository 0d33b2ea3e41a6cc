// A user as the row of user_query describes it.
#pragma once

#include "hash/scheme.hh"
#include "sql/connection.hh"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace poppass {

struct SqlUser {
    std::string login; // as it is stored
    std::string hash;  // as it is stored; empty: none
    bool locked = false;
    bool expired = false;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::string home;
    bool is_named = false; // whether the client's login is a name of this user

    bool operator==(const SqlUser&) const = default;
};

// Makes a user of the row; nothing if there is no row. Trouble if there are two rows, if a value is
// not of its kind, or if a login is none. Misuse if a column is missing. `login` is the client's.
Result<std::optional<SqlUser>> read_user(const std::vector<SqlRow>& rows, std::string_view login);

// For the log, where the client's login has found a user whom it does not name. Such a user is
// answered as an unknown one.
std::string foreign_row(const SqlUser& user);

// Whether the password is the user's. One hash is computed, also for a user that does not exist or
// has none; then it is malformed.
Result<Match> match_user(const std::optional<SqlUser>& user, const Scheme& scheme,
                         std::string_view password);

// Misuse if one of the columns that user_query must have is not among these.
Result<void> check_columns(const std::vector<std::string>& columns);

// The columns that a user has, and that read_user() knows.
bool is_user_column(std::string_view name);

// Whether there may be such a user at all: a login is UTF-8, and not empty.
bool is_sql_login(std::string_view login);

} // namespace poppass
