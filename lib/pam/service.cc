#include "pam/service.hh"

#include "base/fd.hh"
#include "base/text.hh"

#include <algorithm>
#include <dlfcn.h>
#include <fcntl.h>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>

#include <security/pam_appl.h>

namespace poppass {

namespace {

#ifdef __LINUX_PAM__
// Every libpam looks in these. Some look in one more, but a libpam that does not would use `other`
// in the place of a file there.
constexpr const char* directories_of_libpam[] = {"/etc/pam.d", "/usr/lib/pam.d"};
#else
constexpr const char* directories_of_libpam[] = {"/etc/pam.d", "/usr/local/etc/pam.d"};
#endif

constexpr int deepest_include = 32; // as deep as libpam goes, or deeper

using Directories = std::span<const char* const>;

struct RulesFile {
    std::string path;
    std::string text;
};

// Of the first directory that has it.
Result<RulesFile> read_rules(std::string_view name, Directories directories) {
    const bool absolute = name.starts_with('/');
    const auto is_missing = [] { return errno == ENOENT || errno == ENOTDIR; };
    RulesFile file{std::string{name}, std::string(65536, '\0')};
    Fd fd;
    for (const char* const directory : directories) {
        if (!absolute) file.path.assign(directory).append("/").append(name);
        fd = Fd{::open(file.path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (fd || absolute || !is_missing()) break;
    }
    if (!fd && !is_missing()) return system_trouble("open", file.path);
    if (!fd) {
        if (!absolute) file.path.assign(directories.front()).append("/").append(name);
        return trouble("there is no file " + file.path + ": make it, or correct the name");
    }
    const auto size = read_whole(fd.get(), file.text);
    if (!size) return Error{size.error().status, "read " + file.path, size.error().system_error};
    if (*size == file.text.size()) return trouble(file.path + " is too long: shorten it");
    file.text.resize(*size);
    return file;
}

// Takes a line off the front, with the lines that follow a backslash at its end.
std::string take_line(std::string_view& text) {
    std::string line;
    for (bool more = true; more && !text.empty();) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        part = part.substr(0, part.find('#'));
        more = part.ends_with('\\');
        if (more) part.remove_suffix(1);
        line.append(part).append(" ");
    }
    return line;
}

// A word that begins with a bracket ends with one.
std::string_view take_word(std::string_view& line) {
    constexpr std::string_view blanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::size_t bracket = line.starts_with('[') ? line.find(']') : line.npos;
    const std::string_view word =
        line.substr(0, bracket == line.npos ? line.find_first_of(blanks) : bracket + 1);
    line.remove_prefix(word.size());
    return word;
}

struct Rule {
    const std::string& path;
    std::size_t line;
    bool silent; // its type begins with a hyphen: libpam does not log that the module is missing
    std::string_view control;
    std::string_view module; // or, after `substack`, a file
};

// Calls `visit` for each rule of the type, in a file and in those that it includes, until one call
// returns true. Returns whether one did.
Result<bool> find_rule(std::string_view name, std::string_view type, Directories directories,
                       const std::function<bool(const Rule&)>& visit, int depth = 1) {
    if (depth > deepest_include)
        return trouble(std::string{name} + " is included too deeply: does it include itself?");
    const auto file = read_rules(name, directories);
    if (!file) return file.error();
    std::size_t number = 1;
    for (std::string_view text = file->text; !text.empty();) {
        const std::string_view before = text;
        const std::string line = take_line(text);
        const std::size_t here = number;
        number += static_cast<std::size_t>(std::count(
            before.begin(), before.end() - static_cast<std::ptrdiff_t>(text.size()), '\n'));
        std::string_view words = line;
        std::string_view first = take_word(words);
        if (first != "@include") { // Debian's: all types of the other file
            const bool silent = first.starts_with('-');
            if (silent) first.remove_prefix(1);
            if (!same_but_for_case(first, type)) continue;
            const std::string_view control = take_word(words);
            if (!same_but_for_case(control, "include")) {
                std::string_view rest = words;
                if (visit({file->path, here, silent, control, take_word(rest)})) return true;
                if (!same_but_for_case(control, "substack")) continue;
            }
        }
        auto found = find_rule(take_word(words), type, directories, visit, depth + 1);
        if (!found || *found) return found;
    }
    return false;
}

// Whether PAM leaves a line out whose module is missing.
bool may_be_missing(std::string_view control) {
    if (!control.starts_with('['))
        return same_but_for_case(control, "optional") || same_but_for_case(control, "sufficient");
    const std::string actions = lower(control);
    return actions.find(actions.find("module_unknown=") == actions.npos
                            ? "default=ignore"
                            : "module_unknown=ignore") != actions.npos;
}

bool is_there(const char* directory) {
    struct stat status {};
    return ::stat(directory, &status) == 0 && S_ISDIR(status.st_mode);
}

} // namespace

Directories pam_directories() { return directories_of_libpam; }

Result<std::string> check_service_name(std::string_view name) {
    std::string service = lower(name);
    if (service.empty() || service.front() == '.' || service.find('/') != service.npos)
        return misuse("the PAM service must be named as a file in /etc/pam.d is");
    if (service == "passwd" || service == "chpasswd")
        return misuse("the PAM service must not be " + service +
                      ": some modules treat that one specially; name another");
    return service;
}

Result<void> check_service(std::string_view service, std::span<const std::string_view> types,
                           Directories directories) {
    if (std::none_of(directories.begin(), directories.end(), is_there)) return {};
    const std::string prefix = "PAM service " + std::string{service} + ": ";
    for (const std::string_view type : types) {
        const auto given = find_rule(service, type, directories, [](const Rule&) { return true; });
        if (!given)
            return Error{given.error().status, prefix + given.error().what,
                         given.error().system_error};
        if (!*given)
            return trouble(prefix + "its file has no line for " + std::string{type} +
                           ": add one, as checkpw-pam(8) shows");
    }
    return {};
}

std::string modules_of_libpam() {
#ifdef __LINUX_PAM__
    Dl_info libpam{};
    if (void* const start = ::dlsym(RTLD_DEFAULT, "pam_start");
        start != nullptr && ::dladdr(start, &libpam) != 0 && libpam.dli_fname != nullptr) {
        const std::string path = libpam.dli_fname;
        const std::string modules = path.substr(0, path.rfind('/') + 1) + "security";
        if (modules.starts_with('/') && is_there(modules.c_str())) return modules;
    }
#endif
    return {};
}

void look_over_modules(std::string_view service, std::span<const std::string_view> types,
                       Directories directories, const std::string& modules, Report& report) {
    if (std::none_of(directories.begin(), directories.end(), is_there)) return;
    const auto look_at = [&](const Rule& rule) {
        std::string path{rule.module};
        const std::string place = "line " + std::to_string(rule.line);
        if (same_but_for_case(rule.control, "substack") || path.find("$ISA") != path.npos)
            return false;
        if (path.empty()) {
            report.fail(rule.path, place + " names no module: correct or remove it");
            return false;
        }
        if (!path.starts_with('/')) {
            if (modules.empty()) return false;
            path.insert(0, modules + "/");
        }
        if (::access(path.c_str(), R_OK) == 0) return false;
        const std::string missing =
            place + " names the module " + path + ", which is missing, so PAM ";
        if (!may_be_missing(rule.control))
            report.fail(rule.path, missing + "refuses every user at this line: install the package "
                                             "that has it, or correct the line");
        else if (!rule.silent)
            report.warn(rule.path, missing +
                                       "leaves this line out: install the package that has it, "
                                       "or remove the line");
        return false;
    };
    for (const std::string_view type : types)
        if (const auto read = find_rule(service, type, directories, look_at); !read)
            report.fail(service, read.error().message());
}

} // namespace poppass
