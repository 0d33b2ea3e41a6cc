#include "mysql/driver.hh"

#include "base/settings.hh"
#include "base/text.hh"
#include "mysql/connection.hh"
#include "sql/host.hh"

#include <algorithm>
#include <iterator>

namespace poppass {

namespace {

// The name that the library itself takes for a socket.
constexpr std::string_view usual_socket = "/run/mysqld/mysqld.sock";

class MysqlDriver final : public SqlDriver {
public:
    SqlDialect dialect() const override { return SqlDialect::mysql; }

    Result<std::vector<SqlHost>> prepare(const SqlSettings& settings, SqlPurpose purpose) override {
        settings_ = &settings;
        if (auto done = read_connect(settings.connect); !done) return done.error();
        writes_ = purpose == SqlPurpose::change || settings.check_hosts.empty();
        if (!writes_) hosts_ = settings.check_hosts;
        for (SqlHost& host : hosts_)
            if (auto done = complete(host); !done) return done.error();
        return hosts_;
    }

    Result<std::unique_ptr<SqlConnection>> connect(std::size_t server,
                                                   Clock::time_point deadline) override {
        const auto place = find_place(hosts_[server]);
        if (!place) return place.error();
        auto connection = std::make_unique<MysqlConnection>(account_, *settings_, deadline);
        if (auto opened = connection->open(*place, writes_); !opened) return opened.error();
        return std::unique_ptr<SqlConnection>{std::move(connection)};
    }

private:
    // Words `key=value`. No error shows a value: it could be a password.
    Result<void> read_connect(std::string_view text) {
        std::string host, socket, user, database, ca;
        const std::pair<std::string_view, std::string*> keys[] = {
            {"host", &host}, {"port", &port_},      {"socket", &socket},
            {"user", &user}, {"dbname", &database}, {"ssl_ca", &ca}};
        while (!text.empty()) {
            const std::size_t end = std::min(text.find_first_of(" \t\n"), text.size());
            std::string_view value = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            if (value.empty()) continue;
            const std::string name{take_until(value, '=')};
            const auto* const key =
                std::find_if(std::begin(keys), std::end(keys),
                             [&](const auto& row) { return row.first == name; });
            if (key == std::end(keys))
                return misuse("connect may not contain " + one_line(name, 40));
            if (!key->second->empty()) return misuse("connect: " + name + " is there twice");
            if (value.empty()) return misuse("connect: " + name + " is empty");
            *key->second = value;
        }
        if (user.empty() || database.empty()) return misuse("connect must name user= and dbname=");
        account_ = {user, database, ca.empty() ? POPPASS_CA : ca};
        if (!port_.empty())
            if (const auto number = parse_number("connect: port", port_, 1, 65535); !number)
                return number.error();
        if (!host.empty() && !socket.empty())
            return misuse("connect: a host may be the path of a socket, so leave out socket=");
        if (!socket.empty() && !socket.starts_with('/'))
            return misuse("connect: socket must be an absolute path");
        std::string_view list = socket.empty() ? host : socket;
        if (list.empty()) list = usual_socket;
        do {
            auto parsed = SqlHost::parse(take_until(list, ','));
            if (!parsed) return misuse("connect: " + parsed.error().what);
            hosts_.push_back(std::move(*parsed));
        } while (!list.empty());
        return {};
    }

    Result<void> complete(SqlHost& host) const {
        if (host.name == "localhost" && host.port.empty()) host.name = usual_socket;
        // Connector/C since 3.4.2 does not compare these two with the names of the certificate.
        if (settings_->tls == SqlSettings::Tls::verify &&
            (host.name == "127.0.0.1" || host.name == "::1"))
            return misuse("tls = verify needs a host's name in the place of " + host.name +
                          ", such as one of /etc/hosts");
        if (host.port.empty() && !host.is_socket()) host.port = port_;
        return {};
    }

    // On a socket, and unless the settings say otherwise on loopback, nothing is encrypted. Then
    // the address that was found to be of loopback is the one that is used.
    Result<MysqlPlace> find_place(const SqlHost& host) const {
        if (host.is_socket()) return MysqlPlace{.socket = host.name, .host = {}, .tls = false};
        MysqlPlace place{.socket = {}, .host = host.name};
        if (!host.port.empty()) place.port = static_cast<unsigned>(std::stoul(host.port));
        const auto addresses = find_addresses(host);
        if (!addresses) return addresses.error();
        const bool loopback = addresses->front().loopback;
        place.tls = settings_->verifies(loopback);
        if (!place.tls && loopback) place.host = addresses->front().text;
        return place;
    }

    const SqlSettings* settings_ = nullptr;
    MysqlAccount account_;
    std::string port_;
    std::vector<SqlHost> hosts_;
    bool writes_ = true; // whether a server must take writes
};

} // namespace

std::unique_ptr<SqlDriver> mysql_driver() { return std::make_unique<MysqlDriver>(); }

} // namespace poppass
