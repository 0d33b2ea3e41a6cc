// The driver for MariaDB and MySQL, by MariaDB's Connector/C.
#pragma once

#include "sql/connection.hh"

#include <memory>

namespace poppass {

std::unique_ptr<SqlDriver> mysql_driver();

} // namespace poppass
