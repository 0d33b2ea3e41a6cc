// The store of the check links of SQL, over any driver. A program of ours is then:
//
//     struct Store final : SqlCheckStore {
//         static constexpr std::string_view name = "checkpw-sqlite";
//         Store() : SqlCheckStore(name, sqlite_driver()) {}
//     };
#pragma once

#include "link/check_link.hh"
#include "sql/servers.hh"

namespace poppass {

class SqlCheckStore : public CheckStore {
public:
    SqlCheckStore(std::string_view program, std::unique_ptr<SqlDriver> driver)
        : servers_(program, std::move(driver)) {}

    Result<void> take(int option, std::string_view value) override {
        return servers_.take(option, value);
    }
    Result<void> prepare(bool native) override;
    Result<Answer> judge(const Question& question) override;
    void look_over(Report& report) override { servers_.look_over(report); }

private:
    SqlServers servers_;
};

} // namespace poppass
