// What libldap does beside speaking LDAP: reading files and variables, loading plug-ins, and
// telling its troubles with certificates where nobody asks.
#pragma once

#include <ldap.h>
#include <optional>
#include <string>

namespace poppass {

// Once, before anything else of libldap: its configuration files and variables will not be read,
// and the resolver is told not to wait long.
void prepare_libldap();

// Makes the handle's connection a TLS one and proves the server, by the handle's options. What
// libldap says is wrong; nothing where all is well.
std::optional<std::string> install_tls(LDAP* ld);

} // namespace poppass
