// The parameters of statements, in the three dialects.
#include "sql/connection.hh"
#include "sql/statement.hh"

#include <doctest/doctest.h>

using namespace poppass;

namespace {

constexpr auto sqlite = SqlDialect::sqlite;
constexpr auto pgsql = SqlDialect::pgsql;
constexpr auto mysql = SqlDialect::mysql;

std::string_view name(SqlParameter parameter) {
    switch (parameter) {
    case SqlParameter::login: return "login";
    case SqlParameter::local: return "local";
    case SqlParameter::domain: return "domain";
    case SqlParameter::ip: return "ip";
    case SqlParameter::hash: return "hash";
    case SqlParameter::old_hash: return "old_hash";
    case SqlParameter::now: return "now";
    }
    return "?";
}

// Each statement's text, and its parameters in brackets; or "misuse".
std::string parsed(std::string_view sql, SqlDialect dialect) {
    const auto statements = parse_statements(sql, dialect);
    if (!statements) return statements.error().status == ExitStatus::misused ? "misuse" : "?";
    std::string result;
    for (const auto& statement : *statements) {
        result += (result.empty() ? "" : " ; ") + statement.text + "[";
        for (std::size_t i = 0; i < statement.parameters.size(); ++i)
            result += (i == 0 ? "" : " ") + std::string{name(statement.parameters[i])};
        result += "]";
    }
    return result;
}

std::string user_query(std::string_view sql) {
    const auto query = parse_user_query(sql, sqlite);
    return query ? query->text : query.error().what;
}

std::string set_query(std::string_view sql, SqlDialect dialect = sqlite) {
    const auto statements = parse_set_query(sql, dialect);
    return statements ? std::to_string(statements->size()) : statements.error().what;
}

const std::string update = "UPDATE u SET h = :hash WHERE l = :login AND h = :old_hash";

} // namespace

TEST_CASE("a parameter becomes the dialect's mark, each occurrence one of its own") {
    const std::string sql = "a :login b :local,:domain(:ip):hash :old_hash :now :login";
    const std::string names = "[login local domain ip hash old_hash now login]";
    CHECK(parsed(sql, sqlite) == "a ? b ?,?(?)? ? ? ?" + names);
    CHECK(parsed(sql, mysql) == "a ? b ?,?(?)? ? ? ?" + names);
    CHECK(parsed(sql, pgsql) == "a $1 b $2,$3($4)$5 $6 $7 $8" + names);
    // A mark that a word touches would be a part of the word.
    CHECK(parsed("SELECT:login,1:ip", pgsql) == "SELECT $1,1 $2[login ip]");
    CHECK(parsed("SELECT:login", sqlite) == "SELECT?[login]");
}

TEST_CASE("no other name is a parameter, and no value has a mark of its own") {
    for (const SqlDialect dialect : {sqlite, pgsql, mysql})
        for (const std::string sql : {":password", ":new_password", ":Login", ":login2", ":hash_",
                                      ":old", ":nów", "?", "?1", "a = $1", "a = $login", "a = ?"})
            CHECK_MESSAGE(parsed(sql, dialect) == "misuse", sql);
    CHECK(parsed(std::string_view{"a\0b", 3}, sqlite) == "misuse");
    CHECK(parsed(std::string_view{"SELECT 'a\0b'", 12}, sqlite) == "misuse");
    CHECK(parsed("a = @login", sqlite) == "misuse");
    CHECK(parsed("@@read_only", mysql) == "@@read_only[]");
    CHECK(parsed("a @> b", pgsql) == "a @> b[]");
}

TEST_CASE("a quoted text holds no parameter and no end of a statement") {
    for (const SqlDialect dialect : {sqlite, pgsql, mysql}) {
        for (const std::string text :
             {"':login'", "'it''s :login; ?'", "\":login\"", "\"a\"\":hash;\"", "''", "'\\'",
              "'--:login'", "'/*'", "'$$'", "N':login'"})
            CHECK(parsed("x " + text, dialect) == "x " + text + "[]");
        for (const std::string open :
             {"'", "\"", "':login", "'''", "'a''", "\"a\"\"", "/*", "/* *"})
            CHECK_MESSAGE(parsed("x " + open, dialect) == "misuse", open);
        // The backslash is a plain character: this text ends before the parameter.
        CHECK(parsed("'\\':login", dialect) ==
              (dialect == pgsql ? "'\\'$1[login]" : "'\\'?[login]"));
    }
    CHECK(parsed("`:login``;`", mysql) == "`:login``;`[]");
    CHECK(parsed("`:login``;`", sqlite) == "`:login``;`[]");
    CHECK(parsed("[:login;]", sqlite) == "[:login;][]");
    CHECK(parsed("a[1:2]", pgsql) == "a[1:2][]");
    CHECK(parsed("[:login]", pgsql) == "[$1][login]");
    CHECK(parsed("`", mysql) == "misuse");
    CHECK(parsed("[", sqlite) == "misuse");
    CHECK(parsed("E'\\':login'", pgsql) == "misuse");
    CHECK(parsed("e'x'", pgsql) == "misuse");
    CHECK(parsed("SELECT e FROM u", pgsql) == "SELECT e FROM u[]");
    CHECK(parsed("U&'d\\0061'", pgsql) == "U&'d\\0061'[]");
}

TEST_CASE("PostgreSQL's dollar quotes and casts") {
    for (const std::string text : {"$$:login;$$", "$a$ :login $$ ; $a$", "$_1$'$_1$", "$é$\"$é$"})
        CHECK(parsed("x " + text, pgsql) == "x " + text + "[]");
    CHECK(parsed("$$ :login", pgsql) == "misuse");
    CHECK(parsed("$a$ $A$", pgsql) == "misuse");
    CHECK(parsed("$$x$$", sqlite) == "misuse");
    CHECK(parsed("$$x$$", mysql) == "misuse");
    CHECK(parsed("a$b$c", pgsql) == "a$b$c[]"); // a name, in all three
    CHECK(parsed(":login::text", pgsql) == "$1::text[login]");
    CHECK(parsed("a::login", pgsql) == "a::login[]");
    CHECK(parsed("a:::login", pgsql) == "a::$1[login]");
    CHECK(parsed("a := :now", mysql) == "a := ?[now]");
    CHECK(parsed("f(a :=:now)", pgsql) == "f(a :=$1)[now]");
}

TEST_CASE("a comment becomes a blank") {
    for (const SqlDialect dialect : {sqlite, pgsql, mysql}) {
        CHECK(parsed("a/* :login ; ' \" */b", dialect) == "a b[]");
        CHECK(parsed("a -- :login ; '\nb", dialect) == "a  \nb[]");
        CHECK(parsed("a -- :hash", dialect) == "a  []");
        CHECK(parsed("/**/a/***/", dialect) == " a []");
        CHECK(parsed("-- nothing\n/* nothing */ ;; ", dialect).empty());
    }
    CHECK(parsed("/* /* */ :login */", pgsql).empty());
    CHECK(parsed("/* /* */ :login", sqlite) == "  ?[login]");
    CHECK(parsed("/* /* */", pgsql) == "misuse");
    CHECK(parsed("a # :login\n:now", mysql) == "a  \n?[now]");
    CHECK(parsed("a # :login", pgsql) == "a # $1[login]"); // an operator
    CHECK(parsed("a--:now", mysql) == "a--?[now]");        // two minus signs
    CHECK(parsed("a--:now", sqlite) == "a []");
    // The server takes any control character for a blank.
    CHECK(parsed("a--\x01:now", mysql) == "a []");
    // With a blank in the place of the comment, the two minus signs would begin one.
    for (const std::string sql : {"a --#b\n:now", "a --/* b */ :now", "a --;:now", "a ---- b"})
        CHECK_MESSAGE(parsed(sql, mysql) == "misuse", sql);
    CHECK(parsed("/*! :login */", mysql) == "misuse");
    CHECK(parsed("/*!50000 x */", mysql) == "misuse");
    CHECK(parsed("/*M! x */", mysql) == "misuse");
    CHECK(parsed("a/*! x */", pgsql) == "a []");
}

TEST_CASE("statements end at a semicolon") {
    CHECK(parsed("a = :now; b = :login;", sqlite) == "a = ?[now] ;  b = ?[login]");
    CHECK(parsed("a = :now; b = :login;", pgsql) == "a = $1[now] ;  b = $1[login]");
    CHECK(parsed("a;;b", mysql) == "a[] ; b[]");
    CHECK(parsed("", mysql).empty());
}

TEST_CASE("user_query is one SELECT that names the login") {
    CHECK(user_query("SELECT l AS login FROM u WHERE l = :login") ==
          "SELECT l AS login FROM u WHERE l = ?");
    CHECK(user_query("select 1 where :local = :domain;") == "select 1 where ? = ?");
    CHECK(user_query("-- a comment\nSELECT :login") == " \nSELECT ?");
    for (const std::string sql :
         {"", ";", "'SELECT'", "UPDATE u SET a = :login", "SELECT 1 WHERE :login; SELECT 2",
          "SELECT 1; DELETE FROM u WHERE l = :login", "WITH x AS (SELECT 1) SELECT :login"})
        CHECK_MESSAGE(user_query(sql) == "user_query must be one SELECT", sql);
    CHECK(user_query("SELECT ':login'") == "user_query does not name :login or :local");
    CHECK(user_query("SELECT :domain") == "user_query does not name :login or :local");
    CHECK(user_query("SELECT :login, :hash") ==
          "user_query may not name :hash or :old_hash: both are known only later");
    CHECK(user_query("SELECT :login, :old_hash") ==
          "user_query may not name :hash or :old_hash: both are known only later");
    CHECK(user_query("SELECT :password") == "user_query: no such parameter at: :password");
}

TEST_CASE("set_query has one UPDATE that writes the hash of one login over the old one") {
    CHECK(set_query(update) == "1");
    CHECK(set_query(update + ";") == "1");
    CHECK(set_query("UPDATE u SET h = :hash WHERE l = :local AND h = :old_hash") == "1");
    CHECK(set_query(update + "; INSERT INTO log VALUES (:login, :now)") == "2");
    CHECK(set_query("DELETE FROM sessions WHERE l = :login;" + update + ";SELECT 1") == "3");
    const std::string one = "set_query must have one UPDATE that writes :hash";
    CHECK(set_query("") == one);
    CHECK(set_query("UPDATE u SET h = :old_hash WHERE l = :login") == one);
    CHECK(set_query(update + ";" + update) == one);
    const std::string must = "set_query: what writes :hash must be an UPDATE that names :old_hash "
                             "and :login or :local";
    CHECK(set_query("UPDATE u SET h = :hash WHERE l = :login") == must);
    CHECK(set_query("UPDATE u SET h = :hash WHERE h = :old_hash") == must);
    CHECK(set_query("UPDATE u SET h = ':old_hash' || :hash WHERE l = :login") == must);
    CHECK(set_query("INSERT INTO u VALUES (:login, :hash, :old_hash)") == must);
    for (const std::string verb :
         {"COMMIT", "ROLLBACK", "BEGIN", "REPLACE", "DROP", "SET", "PRAGMA", "ATTACH", "SAVEPOINT",
          "CALL", "WITH", "TRUNCATE", "COPY"})
        CHECK(set_query(verb + " x;" + update) == "set_query may not contain " + verb);
    CHECK(set_query("'UPDATE' x") == "set_query may not contain X");
    CHECK(set_query("UPDATE OR REPLACE u SET h = :hash WHERE l = :login AND h = :old_hash") ==
          "set_query may not contain OR REPLACE");
    CHECK(set_query(update + "; INSERT INTO u VALUES (1) ON DUPLICATE KEY UPDATE h = 1", mysql) ==
          "set_query may not contain DUPLICATE");
    CHECK(set_query(update + "; INSERT INTO u VALUES (1) ON CONFLICT (l) DO UPDATE SET h = 1") ==
          "set_query may not contain CONFLICT");
    // REPLACE is also a function, and a quoted word says nothing.
    CHECK(set_query("UPDATE u SET h = replace(:hash, 'x', 'y') WHERE l = :login AND h = :old_hash "
                    "AND 'ON CONFLICT' = \"CONFLICT\"") == "1");
}

TEST_CASE("the login is split at its last @") {
    SqlValues values;
    const auto split = [&](std::string_view login) {
        values.set_login(login);
        return values.login + " " + values.local + " " + values.domain;
    };
    CHECK(split("joe@example.org") == "joe@example.org joe example.org");
    CHECK(split("a@b@c") == "a@b@c a@b c");
    CHECK(split("joe") == "joe joe ");
    CHECK(split("joe@") == "joe@ joe ");
    CHECK(split("@example.org") == "@example.org  example.org");
    values.now = 1234567890;
    CHECK(values.text(SqlParameter::now) == "1234567890");
    CHECK_FALSE(values.text(SqlParameter::ip).has_value());
}
