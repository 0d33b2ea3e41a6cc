// The driver for SQLite: a database is a file.
#pragma once

#include "sql/connection.hh"

#include <memory>

namespace poppass {

std::unique_ptr<SqlDriver> sqlite_driver();

} // namespace poppass
