#include "support/pgsql_server.hh"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <libpq-fe.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace poppass::test {

namespace {

constexpr const char* account = "postgres";

// The directory of the newest server; empty if there is none.
std::string find_programs() {
    std::string newest;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator{"/usr/lib/postgresql", error})
        if (::access((entry.path() / "bin/initdb").c_str(), X_OK) == 0)
            newest = std::max(newest, (entry.path() / "bin/").string());
    return newest;
}

} // namespace

bool no_pgsql() {
    return missing(!find_programs().empty() && (::geteuid() != 0 || ::getpwnam(account) != nullptr),
                   "PostgreSQL, and its account postgres");
}

Pgsql::Pgsql(const std::string& connect) : connection_(::PQconnectdb(connect.c_str())) {
    ::PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    if (::PQstatus(connection_) == CONNECTION_OK) return;
    const std::string said = ::PQerrorMessage(connection_);
    ::PQfinish(connection_);
    throw std::runtime_error{said};
}

Pgsql::~Pgsql() { ::PQfinish(connection_); }

std::vector<std::string> Pgsql::run(const std::string& sql,
                                    const std::vector<std::string>& values) const {
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    const std::unique_ptr<PGresult, decltype(&::PQclear)> result{
        values.empty() ? ::PQexec(connection_, sql.c_str())
                       : ::PQexecParams(connection_, sql.c_str(), int(values.size()), nullptr,
                                        pointers.data(), nullptr, nullptr, 0),
        ::PQclear};
    const auto status = ::PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw std::runtime_error{sql + ": " + ::PQerrorMessage(connection_)};
    std::vector<std::string> rows;
    for (int row = 0; row < ::PQntuples(result.get()); ++row) {
        std::string& line = rows.emplace_back();
        for (int i = 0; i < ::PQnfields(result.get()); ++i)
            line.append(i == 0 ? "" : "|").append(::PQgetvalue(result.get(), row, i));
    }
    return rows;
}

PgsqlServer::PgsqlServer(const std::string& configuration, const PgsqlServer* primary)
    : port_(std::stoi(free_port())) {
    own(directory_.path());
    std::vector<std::string> argv{"initdb", "-D",    file("data"), "-A",   "trust",
                                  "-U",     account, "-E",         "UTF8", "--locale=C.UTF-8"};
    if (primary != nullptr)
        argv = {"pg_basebackup",
                "-D",
                file("data"),
                "-R",
                "-c",
                "fast",
                "-d",
                primary->on_loopback() + " user=postgres application_name=standby"};
    argv.emplace_back("--no-sync");
    const auto made = poppass::test::run(program(argv));
    if (made.status != 0) throw std::runtime_error{argv[0] + ": " + made.out + made.err};
    write_file(file("data/pg_hba.conf"), "local all all trust\n"
                                         "host replication all 127.0.0.1/32 trust\n"
                                         "host all postgres 127.0.0.1/32 trust\n"
                                         "host all all 127.0.0.1/32 scram-sha-256\n");
    write_file(file("data/postgresql.conf"),
               "listen_addresses = '127.0.0.1'\nport = " + std::to_string(port_) +
                   "\nunix_socket_directories = '" + directory_.path() +
                   "'\nshared_buffers = 8MB\nmax_connections = 40\nfsync = off\n"
                   "log_min_messages = fatal\n" +
                   configuration);
    own(file("data/pg_hba.conf"));
    own(file("data/postgresql.conf"));
    start();
}

// If it were killed, it would leave shared memory behind.
PgsqlServer::~PgsqlServer() {
    if (process_) end(SIGQUIT);
}

void PgsqlServer::own(const std::string& path) const {
    if (::geteuid() != 0) return;
    const passwd* const owner = ::getpwnam(account);
    if (::chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0)
        throw std::runtime_error{"chown " + path};
}

Program PgsqlServer::program(const std::vector<std::string>& argv) const {
    Program program{.argv = argv,
                    .directory = directory_.path(),
                    .timeout = milliseconds{900'000},
                    .before_exec = [] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }};
    program.argv[0] = find_programs() + argv[0];
    if (::geteuid() == 0) {
        const passwd* const owner = ::getpwnam(account);
        program.as = Ids{owner->pw_uid, owner->pw_gid};
    }
    return program;
}

void PgsqlServer::start() {
    process_ = std::make_unique<Process>(program({"postgres", "-D", file("data")}));
    for (int tries = 0; tries < 400; ++tries) {
        if (::PQping((on_socket() + " user=postgres").c_str()) == PQPING_OK) return;
        if (has_ended(process_->pid(), milliseconds{0}))
            throw std::runtime_error{"postgres ended: " + process_->wait().err};
        std::this_thread::sleep_for(milliseconds{25});
    }
    throw std::runtime_error{"postgres does not answer"};
}

void PgsqlServer::end(int signal) {
    process_->signal(signal);
    process_->wait();
    process_.reset();
}

std::string PgsqlServer::on_socket() const {
    return "host=" + directory_.path() + " port=" + std::to_string(port_) + " dbname=postgres";
}

std::string PgsqlServer::at_port(int port) {
    return "host=127.0.0.1 port=" + std::to_string(port) + " dbname=postgres";
}

std::vector<std::string> PgsqlServer::run(const std::string& sql,
                                          const std::vector<std::string>& values) const {
    return Pgsql{on_socket() + " user=postgres"}.run(sql, values);
}

PgsqlUsers::PgsqlUsers(const std::string& configuration)
    : SqlUsers("pgsql"), server(configuration) {
    server.run("CREATE ROLE mail LOGIN PASSWORD 'secret';"
               "CREATE TABLE users (email text PRIMARY KEY, password varchar(200), locked boolean,"
               " expired boolean, changed bigint);"
               "GRANT SELECT, UPDATE (password, changed) ON users TO mail");
    reset();
}

void PgsqlUsers::reset(const std::string& more) const {
    server.run("DELETE FROM users;"
               "INSERT INTO users VALUES ('joe@x.org', '{PLAIN}old', false, NULL),"
               " ('ann@x.org', '{PLAIN}ann''s', false, false)");
    configure(server.on_loopback() + " user=mail", "password = secret\n" + more);
}

void PgsqlUsers::configure(const std::string& connect, const std::string& more) const {
    write_settings(connect, "scheme = SSHA512\n" + more);
}

} // namespace poppass::test
