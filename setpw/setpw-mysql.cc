// setpw-mysql: stores a new password in a table of MariaDB or MySQL.

#include "mysql/driver.hh"
#include "sql/set_store.hh"

using namespace poppass;

namespace {

class Store final : public SqlSetStore {
public:
    static constexpr std::string_view name = "setpw-mysql";
    Store() : SqlSetStore(name, mysql_driver()) {}
};

} // namespace

int main(int argc, char** argv) { return set_link<Store>(argc, argv); }
