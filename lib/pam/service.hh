// Which rules PAM would take for a service, before it is asked to: a service without a file of its
// own silently gets those of the service `other`.
#pragma once

#include "base/result.hh"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// Where libpam looks for the files of services, in its order.
std::span<const char* const> pam_directories();

// `name` as libpam takes it, in lower case. Misuse: a name that is no file's, and `passwd` and
// `chpasswd`, for which some modules have rules of their own.
Result<std::string> check_service_name(std::string_view name);

// Whether the service's file in the first of `directories` that has one gives rules of each of the
// `types` ("auth", "account", "password"), itself or through a file that it includes. Trouble says
// which file is missing, cannot be read, or lacks what. Where none of the directories exists, PAM
// has other ways (/etc/pam.conf), and nothing is said.
Result<void> check_service(std::string_view service, std::span<const std::string_view> types,
                           std::span<const char* const> directories);

} // namespace poppass
