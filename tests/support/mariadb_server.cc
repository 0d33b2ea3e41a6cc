#include "support/mariadb_server.hh"

#include "support/users_file.hh"

#include <csignal>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace poppass::test {

namespace {

constexpr const char* server_program = "/usr/sbin/mariadbd";

// How long a server may take on a machine that does much else.
constexpr milliseconds longest{120'000};

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        all.push_back(text.substr(at, end - at));
        at = end == text.npos ? text.size() : end + 1;
    }
    return all;
}

} // namespace

bool no_mariadb() {
    return missing(::access(server_program, X_OK) == 0 && ::geteuid() == 0, "root and MariaDB");
}

// A server that starts deletes all temporary tables that it finds in its tmpdir, also those of
// another server. So each server has a tmpdir of its own.
MariadbServer::MariadbServer(std::vector<std::string> options)
    : options_(std::move(options)), port_(std::stoi(free_port())) {
    if (::chmod(directory_.path().c_str(), 0755) != 0) throw std::runtime_error{"chmod"};
    const auto made =
        test::run({.argv = {"sh", "-c",
                            "mkdir \"$1\" && chown mysql \"$1\" && exec mariadb-install-db "
                            "--no-defaults --datadir=\"$1\"/data --tmpdir=\"$1\" --user=mysql "
                            "--auth-root-authentication-method=normal --skip-test-db "
                            "--innodb-log-file-size=4M",
                            "sh", directory_.file("server")},
                   .timeout = longest});
    if (made.status != 0) throw std::runtime_error{"mariadb-install-db: " + made.out + made.err};
}

MariadbServer::~MariadbServer() = default;

void MariadbServer::start() {
    const std::string place = directory_.file("server");
    std::vector<std::string> argv{server_program,
                                  "--no-defaults",
                                  "--user=mysql",
                                  "--datadir=" + place + "/data",
                                  "--tmpdir=" + place,
                                  "--pid-file=" + place + "/pid",
                                  "--socket=" + place + "/socket",
                                  "--port=" + std::to_string(port_),
                                  "--bind-address=127.0.0.1",
                                  "--skip-name-resolve",
                                  "--innodb-log-file-size=4M",
                                  "--innodb-buffer-pool-size=8M"};
    argv.insert(argv.end(), options_.begin(), options_.end());
    process_ = std::make_unique<Process>(
        Program{.argv = argv, .timeout = milliseconds{900'000}, .before_exec = [] {
                    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                }});
    const auto end = std::chrono::steady_clock::now() + longest;
    while (test::run(client("SELECT 1")).status != 0) {
        if (has_ended(process_->pid(), milliseconds{0}) || std::chrono::steady_clock::now() > end)
            throw std::runtime_error{"MariaDB does not answer: " + process_->wait().err};
        std::this_thread::sleep_for(milliseconds{50});
    }
    test::run({.argv = {"ln", "-sfn", place + "/socket", socket()}});
    test::run(client("SET sql_log_bin = 0; CREATE DATABASE IF NOT EXISTS mail"));
}

void MariadbServer::end(int signal) {
    process_->signal(signal);
    process_->wait();
    process_.reset();
}

Program MariadbServer::client(const std::string& sql) const {
    return {.argv = {"mariadb", "--no-defaults", "--batch", "--skip-column-names", "--raw",
                     "--default-character-set=utf8mb4", "--user=root",
                     "--socket=" + directory_.file("server/socket")},
            .input = sql};
}

std::vector<std::string> MariadbServer::run(const std::string& sql) const {
    const auto outcome = test::run(client("USE mail; " + sql));
    if (outcome.status != 0) throw std::runtime_error{sql + ": " + outcome.err};
    return lines(outcome.out);
}

MariadbUsers::MariadbUsers(const MariadbServer& on, const std::string& more)
    : SqlUsers("mysql"), server(on) {
    server.run("DROP TABLE IF EXISTS users;"
               "CREATE TABLE users (email VARCHAR(200) PRIMARY KEY, password VARCHAR(255), "
               "locked TINYINT, expired TINYINT, changed BIGINT)" +
               (more.empty() ? " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" : more) +
               "; INSERT INTO users VALUES ('joe@x.org', '{CRYPT}" + hash_of_old +
               "', 0, NULL, NULL), ('ann@x.org', '{PLAIN}ann''s', 0, 0, NULL);"
               "DROP USER IF EXISTS links@localhost, links@'127.0.0.1';"
               "CREATE USER links@localhost IDENTIFIED BY 'sec''ret';"
               "CREATE USER links@'127.0.0.1' IDENTIFIED BY 'sec''ret';"
               "GRANT SELECT, UPDATE (password, changed) ON users TO links@localhost, "
               "links@'127.0.0.1'");
    configure();
}

std::string MariadbUsers::by_socket() const {
    return "socket=" + server.socket() + " user=links dbname=mail";
}

std::string MariadbUsers::by_port(int port) const {
    return "host=127.0.0.1 port=" + std::to_string(port) + " user=links dbname=mail";
}

void MariadbUsers::configure(std::map<std::string, std::string> values) const {
    values.insert({{"connect", by_socket()},
                   {"password", "sec'ret"},
                   {"user_query", user_query},
                   {"set_query", set_query},
                   {"scheme", "SSHA512"}}); // its new hashes take no time
    std::string text;
    for (const auto& [key, value] : values)
        if (!value.empty()) text.append(key).append(" = ").append(value) += '\n';
    write_file(settings, text);
}

} // namespace poppass::test
