#include "process/program.hh"

#include "base/settings.hh"

#include <climits>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass {

namespace {

bool is_executable_file(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return false;
    if (!S_ISREG(status.st_mode)) {
        errno = EACCES;
        return false;
    }
    return ::access(path.c_str(), X_OK) == 0;
}

} // namespace

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1); // npos + 1 is 0
}

std::string own_path() {
    char path[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0 || static_cast<std::size_t>(size) == sizeof path) return {};
    return {path, static_cast<std::size_t>(size)};
}

Result<std::string> find_program(std::string_view name,
                                 const std::function<void(const std::string&)>& passed_over) {
    if (name.empty()) return misuse("a program's name is empty");
    if (name.find('/') != name.npos) {
        std::string path{name};
        if (is_executable_file(path)) return path;
        return Error{ExitStatus::misused, "run " + path, errno};
    }
    std::string_view rest = environment("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
    for (bool more = true; more;) {
        const std::size_t colon = rest.find(':');
        const std::string_view directory = rest.substr(0, colon);
        more = colon != rest.npos;
        if (more) rest.remove_prefix(colon + 1);
        if (!directory.starts_with('/')) continue;
        std::string path{directory};
        path.append("/").append(name);
        if (is_executable_file(path)) return path;
        if (passed_over) passed_over(path);
    }
    return misuse("run " + std::string{name} + ": not found in PATH");
}

} // namespace poppass
