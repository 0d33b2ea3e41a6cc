// The store of the set links of SQL, over any driver.
#pragma once

#include "link/set_link.hh"
#include "sql/servers.hh"

namespace poppass {

class SqlSetStore : public SetStore {
public:
    SqlSetStore(std::string_view program, std::unique_ptr<SqlDriver> driver)
        : program_(program), servers_(program, std::move(driver)) {}

    Result<void> take(int option, std::string_view value) override {
        return servers_.take(option, value);
    }
    Result<void> prepare() override { return servers_.prepare(SqlPurpose::change); }
    Result<Changed> change(const ChangeRequest& request) override;
    void look_over(Report& report) override { servers_.look_over(report); }

private:
    std::string_view program_;
    SqlServers servers_;
};

} // namespace poppass
