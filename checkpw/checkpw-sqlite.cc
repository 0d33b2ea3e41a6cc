// checkpw-sqlite: verifies a password against an SQLite database.

#include "sql/check_store.hh"
#include "sqlite/driver.hh"

using namespace poppass;

namespace {

class Store final : public SqlCheckStore {
public:
    static constexpr std::string_view name = "checkpw-sqlite";
    Store() : SqlCheckStore(name, sqlite_driver()) {}
};

} // namespace

int main(int argc, char** argv) { return check_link<Store>(argc, argv); }
