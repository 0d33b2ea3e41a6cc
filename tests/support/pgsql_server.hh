// A real PostgreSQL server with a table of users, and settings for the links that use it. It
// listens on loopback and on a socket in a directory of its own, and ends with this process.
#pragma once

#include "support/sql_users.hh"

#include <memory>

struct pg_conn;

namespace poppass::test {

// Whether the server is not installed, or may not run here: it does not run as root. Reports this
// as missing() does.
bool no_pgsql();

// A connection of the test's own. It uses no code of ours, because it judges the programs under
// test.
class Pgsql {
public:
    explicit Pgsql(const std::string& connect);
    Pgsql(const Pgsql&) = delete;
    Pgsql& operator=(const Pgsql&) = delete;
    ~Pgsql();

    // Runs statements, or one with `values` for its marks. Returns the rows of the last one, each
    // with its values joined by `|`. Throws std::runtime_error if it fails.
    std::vector<std::string> run(const std::string& sql,
                                 const std::vector<std::string>& values = {}) const;

private:
    pg_conn* connection_;
};

class PgsqlServer {
public:
    // Makes the database. `configuration`: further lines of postgresql.conf. With a primary, this
    // server is its standby, which calls itself "standby".
    explicit PgsqlServer(const std::string& configuration = {},
                         const PgsqlServer* primary = nullptr);
    ~PgsqlServer();

    void start();
    void end(int signal); // of the whole server, and waits for it

    int port() const { return port_; }
    std::string file(const std::string& name) const { return directory_.file(name); }

    // A connection string without an account. On loopback an account needs its password.
    std::string on_socket() const;
    std::string on_loopback() const { return at_port(port_); }
    static std::string at_port(int port);

    // As the superuser.
    std::vector<std::string> run(const std::string& sql,
                                 const std::vector<std::string>& values = {}) const;

    // Makes the server's account the owner of a file in file(...).
    void own(const std::string& path) const;

private:
    Program program(const std::vector<std::string>& argv) const;

    TemporaryDirectory directory_;
    int port_;
    std::unique_ptr<Process> process_;
};

// Both passwords are in clear text. The account "mail" has the password "secret", and the rights
// that the links need.
struct PgsqlUsers : SqlUsers {
    PgsqlServer server;

    explicit PgsqlUsers(const std::string& configuration = {});

    // Sets the rows back, and the settings to these.
    void reset(const std::string& more = {}) const;

    // Writes the settings, with `more` of them. The scheme is SSHA512, which takes no time.
    void configure(const std::string& connect, const std::string& more = {}) const;

    std::vector<std::string> sql(const std::string& statements) const override {
        return server.run(statements);
    }
};

} // namespace poppass::test
