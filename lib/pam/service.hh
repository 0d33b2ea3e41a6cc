// Finds out which rules PAM would use for a service, before PAM is called. A service without a file
// of its own silently gets the rules of the service `other`.
#pragma once

#include "base/result.hh"
#include "link/report.hh"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Where libpam looks for the files of services, in its order.
std::span<const char* const> pam_directories();

// `name` in lower case, as libpam uses it. It is misuse if the name cannot be a file's, or if it is
// `passwd` or `chpasswd`: some modules have special rules for these two.
Result<std::string> check_service_name(std::string_view name);

// Whether the service has rules of each of the `types` ("auth", "account", "password"). It looks at
// the service's file in the first of `directories` that has one, and at the files that this one
// includes. The error names a file that is missing or cannot be read, or the type that has no rule.
// If none of the directories exists, PAM is configured in another way (/etc/pam.conf), and this is
// no error.
Result<void> check_service(std::string_view service, std::span<const std::string_view> types,
                           std::span<const char* const> directories);

// The directory from which libpam takes modules that are named without a path; empty: not known.
std::string modules_of_libpam();

// Reports each module that a rule of these types names and that is missing. `modules` is as
// modules_of_libpam() says.
void look_over_modules(std::string_view service, std::span<const std::string_view> types,
                       std::span<const char* const> directories, const std::string& modules,
                       Report& report);

} // namespace poppass
