#include "pam/options.hh"

#include "base/settings.hh"
#include "link/link_table.hh"
#include "pam/service.hh"

#include <cstdlib>
#include <unistd.h>

namespace poppass {

Result<void> PamOptions::take(int option, std::string_view value) {
    if (option == 's') {
        const auto name = check_service_name(value);
        if (!name) return name.error();
        service = *name;
    } else if (option == 'd') {
        debug = true;
    } else if (option == renamed_option) {
        renamed = true;
    } else if (option == 'i') {
        if (::setenv("AUTHSERVICE", std::string{value}.c_str(), 1) != 0)
            return system_trouble("set", "AUTHSERVICE");
    } else if (option == strip_option) {
        if (value.empty()) return misuse("--strip must name a domain, or be *");
        strip = value;
    } else if (option == min_uid_option) {
        const auto number = parse_number("--min-uid", value, 0, 4'294'967'294);
        if (!number) return number.error();
        min_uid = static_cast<uid_t>(*number);
    }
    return {};
}

Result<void> PamOptions::check(std::span<const std::string_view> types) {
    if (service.empty()) {
        const auto name = check_service_name(environment("PAM_SERVICE").value_or("poppass"));
        if (!name) return name.error();
        service = *name;
    }
    if (::geteuid() != 0) return trouble("needs root: start it as root");
    return check_service(service, types, pam_directories());
}

void PamOptions::look_over(std::string_view link, std::span<const std::string_view> types,
                           Report& report) const {
    look_over_modules(service, types, pam_directories(), modules_of_libpam(), report);
    report.ok(link, "PAM has rules for the service " + service);
}

} // namespace poppass
