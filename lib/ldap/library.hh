// Keeps libldap from reading configuration files and variables and from loading plug-ins. Gets its
// text about certificates, which it gives to no caller.
#pragma once

#include <ldap.h>
#include <optional>
#include <string>

namespace poppass {

// Called once, before any other function of libldap. libldap will not read its configuration files
// and variables, and the resolver will not wait long.
void prepare_libldap();

// Starts TLS on the handle's connection and verifies the server, by the handle's options. Returns
// what libldap says is wrong; nothing if all is well.
std::optional<std::string> install_tls(LDAP* ld);

} // namespace poppass
