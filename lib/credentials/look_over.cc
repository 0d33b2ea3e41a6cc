#include "credentials/look_over.hh"

#include <array>
#include <map>
#include <sys/stat.h>

namespace poppass {

namespace {

// What a hash that is quickly guessed is called; empty for a good one, and where there is none.
std::string_view weak_method(std::string_view hash) {
    if (hash.empty() || hash == "*" || hash == "x") return {};
    for (const auto& [prefix, name] :
         {std::pair{"_", "bsdicrypt"}, std::pair{"$1$", "md5crypt"}, std::pair{"$3$", "nt"},
          std::pair{"$md5", "sunmd5"}, std::pair{"$sha1$", "sha1crypt"}})
        if (hash.starts_with(prefix)) return name;
    return hash.starts_with('$') ? "" : "descrypt";
}

void look_at_modes(const std::string& path, Report& report) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return;
    if ((status.st_mode & S_IROTH) != 0)
        report.warn(path, "can be read by everybody, who can then guess at leisure: chmod o-r");
    if ((status.st_mode & S_IWGRP) != 0)
        report.warn(path, "can be written by its group, so that native chains take no ids from it: "
                          "chmod g-w");
}

} // namespace

void look_over_file(const CredentialFileOptions& where, Use use, Report& report) {
    const auto file = CredentialFile::open(where);
    if (!file) {
        const bool missing = file.error().system_error == ENOENT;
        return report.fail(where.path, file.error().message() +
                                           (missing ? ": pwadmin --add USER makes it" : ""));
    }
    const std::string& path = file->path();
    const auto found = file->find({});
    if (!found) return report.fail(path, found.error().message());
    look_at_modes(path, report);
    if (use == Use::change)
        if (const auto good = file->check_rights(); !good)
            report.fail(path, "no change can be made: " + good.error().message());
    std::string broken;
    std::map<std::string_view, int> weak;
    int users = 0;
    const auto read =
        file->each([&](std::size_t number, std::string_view, const std::optional<Entry>& entry) {
            if (!entry) {
                broken += (broken.empty() ? "" : ", ") + std::to_string(number);
                return;
            }
            ++users;
            if (const auto method = weak_method(hash_to_verify(entry)); !method.empty())
                ++weak[method];
        });
    if (!read) return report.fail(path, read.error().message());
    if (!broken.empty())
        report.warn(path, "has lines that are no entries and count for nobody: " + broken);
    for (const auto& [method, count] : weak)
        report.warn(path, std::to_string(count) + " of its hashes are " + std::string{method} +
                              ", which is quickly guessed: let these users set a new password");
    report.ok(path, "has " + std::to_string(users) + (users == 1 ? " user" : " users") +
                        " in the format " +
                        (found->format == Format::shadow ? "shadow" : "passwd-file"));
}

} // namespace poppass
