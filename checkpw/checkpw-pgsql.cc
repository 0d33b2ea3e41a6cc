// checkpw-pgsql: verifies a password against a PostgreSQL database.

#include "pgsql/driver.hh"
#include "sql/check_store.hh"

using namespace poppass;

namespace {

class Store final : public SqlCheckStore {
public:
    static constexpr std::string_view name = "checkpw-pgsql";
    Store() : SqlCheckStore(name, pgsql_driver()) {}
};

} // namespace

int main(int argc, char** argv) { return check_link<Store>(argc, argv); }
