// The driver for PostgreSQL, by libpq.
#pragma once

#include "sql/connection.hh"

#include <memory>

namespace poppass {

std::unique_ptr<SqlDriver> pgsql_driver();

} // namespace poppass
