// checkpw-mysql: verifies a password against a table of MariaDB or MySQL.

#include "mysql/driver.hh"
#include "sql/check_store.hh"

using namespace poppass;

namespace {

class Store final : public SqlCheckStore {
public:
    static constexpr std::string_view name = "checkpw-mysql";
    Store() : SqlCheckStore(name, mysql_driver()) {}
};

} // namespace

int main(int argc, char** argv) { return check_link<Store>(argc, argv); }
