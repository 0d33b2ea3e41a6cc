// The settings of the SQL links.
#include "sql/settings.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using test::write_file;

namespace {

const std::string least = "connect = /x.db\n"
                          "user_query = SELECT l AS login, h AS hash FROM u WHERE l = :login\n";

std::string misused(const std::string& text) {
    const auto settings = SqlSettings::parse(text, SqlDialect::sqlite);
    if (settings) return "(good)";
    CHECK(settings.error().status == ExitStatus::misused);
    return settings.error().what;
}

} // namespace

TEST_CASE("what is not set has its default") {
    const auto settings = SqlSettings::parse(least, SqlDialect::sqlite);
    REQUIRE(settings);
    CHECK(settings->connect == "/x.db");
    CHECK(settings->check_hosts.empty());
    CHECK(settings->limit == std::chrono::seconds{5});
    CHECK(settings->user_query.text == "SELECT l AS login, h AS hash FROM u WHERE l = ?");
    CHECK(settings->set_query.empty());
    CHECK(settings->scheme == "CRYPT");
    CHECK(settings->prefix == SqlSettings::Prefix::keep);
    CHECK_FALSE(settings->tls);
    CHECK(settings->password_view().empty());
}

TEST_CASE("every key is read; a line that begins with a blank continues the one before") {
    const auto settings = SqlSettings::parse("# a comment\n"
                                             "\n"
                                             "  # another one\n"
                                             "connect=host=a,b dbname = mail # not a comment\r\n"
                                             "password =  se cret = #1 \n"
                                             "timeout = 7\n"
                                             "check_hosts = c  [::1]:5\n"
                                             "user_query = SELECT l, -- the login\n"
                                             "    h FROM u\n"
                                             "# a comment between\n"
                                             "\tWHERE l = :login\n"
                                             "set_query = UPDATE u SET h = :hash\n"
                                             " WHERE l = :login AND h = :old_hash;\n"
                                             " DELETE FROM s WHERE l = :login\n"
                                             "scheme = SSHA512\n"
                                             "prefix = yes\n"
                                             "tls = no",
                                             SqlDialect::pgsql);
    REQUIRE(settings);
    CHECK(settings->connect == "host=a,b dbname = mail # not a comment");
    CHECK(settings->password_view() == "se cret = #1");
    CHECK(settings->password_view().data()[12] == '\0');
    CHECK(settings->limit == std::chrono::seconds{7});
    REQUIRE(settings->check_hosts.size() == 2);
    CHECK(settings->check_hosts[0].name == "c");
    CHECK(settings->check_hosts[1].text() == "[::1]:5");
    CHECK(settings->user_query.text == "SELECT l,  \nh FROM u\nWHERE l = $1");
    REQUIRE(settings->set_query.size() == 2);
    CHECK(settings->set_query[0].text == "UPDATE u SET h = $1\nWHERE l = $2 AND h = $3");
    CHECK(settings->scheme == "SSHA512");
    CHECK(settings->prefix == SqlSettings::Prefix::yes);
    CHECK(settings->tls == SqlSettings::Tls::no);
}

TEST_CASE("a wrong line is misuse, and no message shows a value") {
    CHECK(misused("") == "connect must be set");
    CHECK(misused("connect = x\n") == "user_query must be set");
    CHECK(misused(least + "connect = y\n") == "line 3: connect is there twice");
    CHECK(misused(least + "conect = y\n") == "line 3: no such key: conect");
    CHECK(misused(least + "Timeout = 5\n") == "line 3: no such key: Timeout");
    CHECK(misused(least + "hunter2\n") == "line 3 is not KEY = VALUE");
    CHECK(misused(" x\n" + least) == "line 1 continues no value");
    CHECK(misused(least + "password = hunter2\n more\n") == "line 4 continues no value");
    CHECK(misused(least + "password = hunter2\npassword = hunter2\n") ==
          "line 4: password is there twice");
    CHECK(misused(least + "password =\n") == "password: it is empty");
    CHECK(misused(least + "password = " + std::string(1025, 'x')) == "password: it is too long");
    CHECK(misused(least + "password = hunter2\npassword_file = /x\n") ==
          "password and password_file exclude each other");
    CHECK(misused(least + std::string("scheme = a\0b\n", 13)) == "line 3 holds a NUL");
    CHECK(misused(least + "timeout = 0\n").starts_with("timeout"));
    CHECK(misused(least + "timeout = 5s\n").starts_with("timeout"));
    CHECK(misused(least + "check_hosts = a b:x\n") == "check_hosts: not a host: b:x");
    CHECK(misused(least + "prefix = maybe\n") == "prefix must be yes, no or keep");
    CHECK(misused(least + "tls = yes\n") == "tls must be verify or no");
    CHECK(misused("connect = x\nuser_query = SELECT 1\n").starts_with("user_query"));
    CHECK(misused(least + "set_query = DROP TABLE u\n") == "set_query may not contain DROP");
}

TEST_CASE("the files may be read by root, their owner and their group, and written by few") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("sql.conf"), secret = directory.file("password");
    write_file(secret, "s3cret\n", 0600);
    write_file(path, least + "password_file = " + secret + "\n", 0600);
    const auto read = [&] { return SqlSettings::read(path, SqlDialect::sqlite); };
    REQUIRE(read());
    CHECK(read()->password_view() == "s3cret");
    CHECK(read()->owner_is_root == (::geteuid() == 0));
    for (const mode_t good : {0400, 0600, 0640, 0440})
        for (const auto& file : {path, secret}) {
            REQUIRE(::chmod(file.c_str(), good) == 0);
            CHECK(read());
        }
    for (const auto& file : {path, secret}) {
        for (const mode_t bad : {0604, 0602, 0620, 0660, 0644, 0601}) {
            REQUIRE(::chmod(file.c_str(), bad) == 0);
            REQUIRE_FALSE(read());
            CHECK(read().error().status == ExitStatus::misused);
            CHECK(read().error().what.find("may be read or written by others") !=
                  std::string::npos);
        }
        REQUIRE(::chmod(file.c_str(), 0600) == 0);
    }
    if (!test::missing(::geteuid() == 0, "root")) {
        REQUIRE(::chown(path.c_str(), 65534, 0) == 0);
        CHECK(read().error().what.find("belongs neither to root nor to us") != std::string::npos);
        REQUIRE(::chown(path.c_str(), 0, 0) == 0);
    }
    write_file(secret, std::string("a\0b", 3));
    CHECK(read().error().what.ends_with("holds a NUL"));
    write_file(secret, "\n");
    CHECK(read().error().what.ends_with("it is empty"));
    write_file(path, std::string(65537, '\n'));
    CHECK(read().error().what.ends_with("is too long: shorten it"));
    CHECK(SqlSettings::read(directory.file("none"), SqlDialect::sqlite).error().status ==
          ExitStatus::misused);
    CHECK(SqlSettings::read(directory.path(), SqlDialect::sqlite)
              .error()
              .what.ends_with("is no regular file: name one"));
}
