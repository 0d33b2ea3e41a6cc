// setpw-pgsql: stores a new password in a PostgreSQL database.

#include "pgsql/driver.hh"
#include "sql/set_store.hh"

using namespace poppass;

namespace {

class Store final : public SqlSetStore {
public:
    static constexpr std::string_view name = "setpw-pgsql";
    Store() : SqlSetStore(name, pgsql_driver()) {}
};

} // namespace

int main(int argc, char** argv) { return set_link<Store>(argc, argv); }
