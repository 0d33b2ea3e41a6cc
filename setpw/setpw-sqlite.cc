// setpw-sqlite: stores a new password in an SQLite database.

#include "sql/set_store.hh"
#include "sqlite/driver.hh"

using namespace poppass;

namespace {

class Store final : public SqlSetStore {
public:
    static constexpr std::string_view name = "setpw-sqlite";
    Store() : SqlSetStore(name, sqlite_driver()) {}
};

} // namespace

int main(int argc, char** argv) { return set_link<Store>(argc, argv); }
