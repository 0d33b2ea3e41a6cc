// A real MariaDB server for a suite, with a table of users, and settings for the links that use it.
#pragma once

#include "support/sql_users.hh"

#include <map>
#include <memory>

namespace poppass::test {

// Whether the server is not installed, or this process is not root. Reports this as missing() does.
bool no_mariadb();

// Runs in a directory of its own, on a socket there and on a port of 127.0.0.1, as the account that
// the package made (as root, who alone can become it). It ends with this process.
class MariadbServer {
public:
    // Makes the system's tables. `options` are further ones of the server.
    explicit MariadbServer(std::vector<std::string> options = {});
    ~MariadbServer();

    void start(); // waits until it answers
    void end(int signal);

    std::string socket() const { return directory_.file("socket"); }
    int port() const { return port_; }
    const std::string& directory() const { return directory_.path(); }

    // Runs statements as the server's administrator, in the database `mail`. Returns the rows, each
    // with its values separated by a tab. Throws std::runtime_error if it fails.
    std::vector<std::string> run(const std::string& sql) const;

private:
    Program client(const std::string& sql) const;

    TemporaryDirectory directory_;
    std::vector<std::string> options_;
    int port_;
    std::unique_ptr<Process> process_;
};

// The table of a server, made anew. For the column email any case, accents and trailing blanks
// match.
struct MariadbUsers : SqlUsers {
    const MariadbServer& server;

    // `more`: what follows the columns, as " ENGINE=MyISAM".
    explicit MariadbUsers(const MariadbServer& on, const std::string& more = {});

    // Writes the settings for that table; the settings of `values` replace them, or come
    // besides. A setting with an empty value is left out.
    void configure(std::map<std::string, std::string> values = {}) const;
    std::string by_port(int port) const; // the value of connect
    std::string by_socket() const;

    std::vector<std::string> sql(const std::string& statements) const override {
        return server.run(statements);
    }
};

} // namespace poppass::test
