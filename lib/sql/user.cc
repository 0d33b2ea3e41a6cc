#include "sql/user.hh"

#include "base/settings.hh"
#include "base/text.hh"

#include <algorithm>

namespace poppass {

namespace {

constexpr std::string_view known_columns[] = {"login",   "alias", "hash", "locked",
                                              "expired", "uid",   "gid",  "home"};

const SqlColumn* find_column(const SqlRow& row, std::string_view name) {
    const auto found = std::find_if(row.begin(), row.end(), [name](const SqlColumn& column) {
        return same_but_for_case(column.name, name);
    });
    return found == row.end() ? nullptr : &*found;
}

// Empty for NULL and for a column that is not there.
std::string text_of(const SqlRow& row, std::string_view name) {
    const SqlColumn* const column = find_column(row, name);
    return column == nullptr ? std::string{} : column->value.value_or("");
}

Result<bool> flag(const SqlRow& row, std::string_view name) {
    const SqlColumn* const column = find_column(row, name);
    if (column == nullptr || !column->value) return false;
    if (*column->value == "0" || *column->value == "f") return false;
    if (*column->value == "1" || *column->value == "t") return true;
    return trouble("the column " + std::string{name} + " is neither 0 nor 1");
}

Result<std::optional<uid_t>> id(const SqlRow& row, std::string_view name) {
    const SqlColumn* const column = find_column(row, name);
    if (column == nullptr || !column->value) return std::optional<uid_t>{};
    const auto number =
        parse_number("the column " + std::string{name}, *column->value, 0, 4'294'967'294);
    if (!number) return trouble(number.error().what);
    return std::optional{static_cast<uid_t>(*number)};
}

// Whether the login is a name that the row shows, apart from the case of ASCII letters and from
// blanks around it. A database may take many other spellings for equal, and the guard counts each
// of them alone.
bool shows(const SqlRow& row, std::string_view login) {
    login = trim(login);
    return !login.empty() && (same_but_for_case(trim(text_of(row, "login")), login) ||
                              same_but_for_case(trim(text_of(row, "alias")), login));
}

} // namespace

Result<std::optional<SqlUser>> read_user(const std::vector<SqlRow>& rows, std::string_view login) {
    if (rows.empty()) return std::optional<SqlUser>{};
    if (rows.size() > 1) return trouble("user_query finds more than one row");
    const SqlRow& row = rows.front();
    std::vector<std::string> names;
    for (const SqlColumn& column : row) names.push_back(column.name);
    if (auto good = check_columns(names); !good) return good.error();

    SqlUser user{.login = text_of(row, "login"), .hash = text_of(row, "hash")};
    if (!is_sql_login(user.login) ||
        std::any_of(user.login.begin(), user.login.end(), is_control) ||
        user.hash.find('\0') != std::string::npos)
        return trouble("the column login holds what is no login, or the column hash holds a NUL");
    const auto locked = flag(row, "locked"), expired = flag(row, "expired");
    if (!locked) return locked.error();
    if (!expired) return expired.error();
    const auto uid = id(row, "uid"), gid = id(row, "gid");
    if (!uid) return uid.error();
    if (!gid) return gid.error();
    if (uid->has_value() != gid->has_value()) return trouble("a uid needs a gid");
    user.locked = *locked;
    user.expired = *expired;
    user.uid = *uid;
    user.gid = *gid;
    user.home = text_of(row, "home");
    user.is_named = shows(row, login);
    return std::optional{std::move(user)};
}

std::string foreign_row(const SqlUser& user) {
    return "refused: the login finds the row of " + user.login +
           ", whose columns login and alias spell it otherwise";
}

Result<Match> match_user(const std::optional<SqlUser>& user, const Scheme& scheme,
                         std::string_view password) {
    if (user && !user->hash.empty()) {
        const auto hash = split_stored(user->hash, scheme);
        if (!hash) return hash.error();
        const auto match = match_stored(*hash, password);
        if (!match || *match != Match::malformed) return match;
    }
    if (auto done = match_nothing(scheme, password); !done) return done.error();
    return Match::malformed;
}

Result<void> check_columns(const std::vector<std::string>& columns) {
    for (const std::string_view name : known_columns) {
        const auto count = std::count_if(columns.begin(), columns.end(), [name](const auto& other) {
            return same_but_for_case(other, name);
        });
        if (count > 1) return misuse("user_query has two columns called " + std::string{name});
        if (count == 0 && (name == "login" || name == "hash"))
            return misuse("user_query has no column called " + std::string{name});
    }
    return {};
}

bool is_user_column(std::string_view name) {
    return std::any_of(std::begin(known_columns), std::end(known_columns),
                       [name](std::string_view known) { return same_but_for_case(known, name); });
}

bool is_sql_login(std::string_view login) { return !login.empty() && is_utf8(login); }

} // namespace poppass
