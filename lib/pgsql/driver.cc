#include "pgsql/driver.hh"

#include "base/text.hh"
#include "pgsql/connection.hh"
#include "sql/host.hh"

#include <algorithm>
#include <iterator>

namespace poppass {

namespace {

// Other settings, or the driver itself, decide about these.
constexpr const char* refused_keys[] = {
    "password",        "passfile",    "sslpassword",        "sslmode",
    "hostaddr",        "service",     "gssencmode",         "target_session_attrs",
    "client_encoding", "replication", "load_balance_hosts", "connect_timeout"};

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    do parts.emplace_back(take_until(list, ','));
    while (!list.empty());
    return parts;
}

class PgsqlDriver final : public SqlDriver {
public:
    SqlDialect dialect() const override { return SqlDialect::pgsql; }

    Result<std::vector<SqlHost>> prepare(const SqlSettings& settings, SqlPurpose purpose) override {
        settings_ = &settings;
        if (auto done = read_options(settings.connect); !done) return done.error();
        writes_ = purpose == SqlPurpose::change || settings.check_hosts.empty();
        if (!writes_) hosts_ = settings.check_hosts;
        return hosts_;
    }

    Result<std::unique_ptr<SqlConnection>> connect(std::size_t server,
                                                   Clock::time_point deadline) override {
        const SqlHost& host = hosts_[server];
        auto connection = std::make_unique<PgsqlConnection>(host.text(), *settings_, deadline);
        if (auto done = open(*connection, host, deadline); !done) return done.error();
        if (auto done = connection->set_up(writes_); !done) return done.error();
        return std::unique_ptr<SqlConnection>{std::move(connection)};
    }

private:
    // Takes the string apart. No error shows a value: it could be a password.
    Result<void> read_options(const std::string& connect) {
        char* said = nullptr;
        options_.reset(::PQconninfoParse(connect.c_str(), &said));
        ::PQfreemem(said);
        if (!options_) return misuse("connect is no connection string of libpq");
        std::vector<std::string> names, ports;
        for (const auto* option = options_.get(); option->keyword != nullptr; ++option) {
            if (option->val == nullptr) continue;
            const std::string_view key = option->keyword;
            if (std::find(std::begin(refused_keys), std::end(refused_keys), key) !=
                std::end(refused_keys))
                return misuse("connect may not contain " + std::string{key});
            if (key == "host") names = split(option->val);
            if (key == "port") ports = split(option->val);
        }
        if (names.empty() || std::find(names.begin(), names.end(), "") != names.end())
            return misuse("connect must name each host");
        if (ports.size() > 1 && ports.size() != names.size())
            return misuse("connect must have one port, or one for each host");
        for (std::size_t i = 0; i < names.size(); ++i)
            hosts_.push_back({names[i], ports.empty() ? "" : ports[std::min(i, ports.size() - 1)]});
        return {};
    }

    // Tries the addresses of the host in turn. Each gets its share of the time that is left.
    Result<void> open(PgsqlConnection& connection, const SqlHost& host,
                      Clock::time_point deadline) const {
        if (host.is_socket()) return open_at(connection, host, {"", true}, deadline);
        const auto addresses = find_addresses(host);
        if (!addresses) return addresses.error();
        auto left = static_cast<long>(addresses->size());
        Result<void> done;
        for (const SqlAddress& address : *addresses) {
            const auto now = Clock::now();
            done = open_at(connection, host, address, now + (deadline - now) / left--);
            if (done || Clock::now() >= deadline) break;
        }
        return done;
    }

    Result<void> open_at(PgsqlConnection& connection, const SqlHost& host,
                         const SqlAddress& address, Clock::time_point deadline) const {
        const bool verify = settings_->verifies(address.loopback);
        // What comes later wins. An empty value is none.
        PgsqlOptions options{{"sslrootcert", POPPASS_CA}, {"fallback_application_name", "poppass"}};
        // On a port in clear text the server must show that it knows the account, because any
        // account of this system can take the port while the server is down. Otherwise that one is
        // sent the password if it asks for it, and says which hash a user has.
        if (!verify && !host.is_socket() && settings_->password && knows_require_auth())
            options.emplace_back("require_auth", "scram-sha-256");
        for (const auto* option = options_.get(); option->keyword != nullptr; ++option)
            if (option->val != nullptr && option->keyword != std::string_view{"port"})
                options.emplace_back(option->keyword, option->val);
        options.insert(options.end(), {{"host", host.name.c_str()},
                                       {"hostaddr", address.text.c_str()},
                                       {"port", host.port.c_str()},
                                       {"password", settings_->password_view().data()},
                                       {"sslmode", verify ? "verify-full" : "disable"},
                                       {"gssencmode", "disable"},
                                       {"client_encoding", "UTF8"}});
        return connection.open(options, deadline);
    }

    // libpq knows it since version 16.
    bool knows_require_auth() const {
        const auto* option = options_.get();
        while (option->keyword != nullptr && option->keyword != std::string_view{"require_auth"})
            ++option;
        return option->keyword != nullptr;
    }

    const SqlSettings* settings_ = nullptr;
    std::unique_ptr<PQconninfoOption, PgsqlFree> options_;
    std::vector<SqlHost> hosts_;
    bool writes_ = true; // whether a server must take writes
};

} // namespace

std::unique_ptr<SqlDriver> pgsql_driver() { return std::make_unique<PgsqlDriver>(); }

} // namespace poppass
