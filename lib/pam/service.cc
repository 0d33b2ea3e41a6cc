#include "pam/service.hh"

#include "base/fd.hh"
#include "base/text.hh"

#include <algorithm>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <vector>

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

Result<Fd> open_first(std::string_view name, Directories directories) {
    const bool absolute = name.starts_with('/');
    std::string path{name};
    for (const char* const directory : directories) {
        if (!absolute) path.assign(directory).append("/").append(name);
        Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (fd) return fd;
        if (errno != ENOENT && errno != ENOTDIR) return system_trouble("open", path);
        if (absolute) break;
    }
    std::string missing{name};
    if (!absolute) missing.insert(0, "/").insert(0, directories.front());
    return trouble("there is no file " + missing);
}

Result<std::string> read_first(std::string_view name, Directories directories) {
    const auto fd = open_first(name, directories);
    if (!fd) return fd.error();
    std::string text(65536, '\0');
    const auto size = read_whole(fd->get(), text);
    if (!size) return size.error();
    if (*size == text.size()) return trouble(std::string{name} + " is too long");
    text.resize(*size);
    return text;
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

std::string_view take_word(std::string_view& line) {
    constexpr std::string_view blanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

// Whether a file has a rule of the type, itself or in a file that it includes.
Result<bool> gives(std::string_view name, std::string_view type, Directories directories,
                   int depth) {
    if (depth > deepest_include) return trouble(std::string{name} + " is included too deeply");
    const auto file = read_first(name, directories);
    if (!file) return file.error();
    for (std::string_view text = *file; !text.empty();) {
        const std::string line = take_line(text);
        std::string_view words = line;
        std::string_view first = take_word(words);
        const bool includes_all = first == "@include"; // Debian's
        if (first.starts_with('-')) first.remove_prefix(1);
        if (!includes_all) {
            if (!same_but_for_case(first, type)) continue;
            if (!same_but_for_case(take_word(words), "include")) return true;
        }
        auto included = gives(take_word(words), type, directories, depth + 1);
        if (!included || *included) return included;
    }
    return false;
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
                      ": some modules treat that one specially");
    return service;
}

Result<void> check_service(std::string_view service, std::span<const std::string_view> types,
                           Directories directories) {
    if (std::none_of(directories.begin(), directories.end(), is_there)) return {};
    const std::string prefix = "PAM service " + std::string{service} + ": ";
    for (const std::string_view type : types) {
        const auto given = gives(service, type, directories, 1);
        if (!given)
            return Error{given.error().status, prefix + given.error().what,
                         given.error().system_error};
        if (!*given) return trouble(prefix + "its file has no line for " + std::string{type});
    }
    return {};
}

} // namespace poppass
