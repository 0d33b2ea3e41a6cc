#include "credentials/look_over.hh"

#include "credentials/crypt_hash.hh"

#include <functional>
#include <map>
#include <set>
#include <sys/stat.h>

namespace poppass {

namespace {

// What a hash that is quickly guessed is called; empty for a good one.
std::string_view weak_method(std::string_view hash) {
    for (const auto& [prefix, name] :
         {std::pair{"_", "bsdicrypt"}, std::pair{"$1$", "md5crypt"}, std::pair{"$3$", "nt"},
          std::pair{"$md5", "sunmd5"}, std::pair{"$sha1$", "sha1crypt"}})
        if (hash.starts_with(prefix)) return name;
    return hash.starts_with('$') ? "" : "descrypt";
}

// What is wrong with the password of an entry; empty: nothing, or it has none.
std::string find_fault(const Entry& entry) {
    if (!is_crypt_scheme(entry.scheme)) {
        std::string scheme{entry.scheme};
        for (char& c : scheme)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        return "of its passwords are of the scheme " + scheme +
               ", which cannot be verified, and "
               "let nobody in: pwadmin --remove these users, and --add them";
    }
    const std::string_view hash = entry.hash;
    if (hash.empty() || hash == "*" || hash == "x") return {};
    if (!is_hash(hash))
        return "of its passwords are no hashes of crypt(3), maybe clear text, and let nobody in: "
               "set "
               "them anew with pwadmin";
    const std::string_view weak = weak_method(hash);
    if (weak.empty()) return {};
    return "of its hashes are " + std::string{weak} +
           ", which is quickly guessed: let these users set a new password";
}

void add_number(std::string& list, std::size_t number) {
    list += (list.empty() ? "" : ", ") + std::to_string(number);
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
    std::string broken, repeated;
    std::map<std::string, int> faults;
    std::set<std::string, std::less<>> users;
    const auto read =
        file->each([&](std::size_t number, std::string_view, const std::optional<Entry>& entry) {
            if (!entry) return add_number(broken, number);
            if (!users.emplace(entry->name).second) return add_number(repeated, number);
            if (auto fault = find_fault(*entry); !fault.empty()) ++faults[std::move(fault)];
        });
    if (!read) return report.fail(path, read.error().message());
    if (!broken.empty())
        report.warn(path, "has lines that are no entries and count for nobody: " + broken +
                              ": correct or remove them");
    if (!repeated.empty())
        report.warn(path, "has further lines of a user, which count for nobody: " + repeated +
                              ": remove them");
    for (const auto& [fault, count] : faults)
        report.warn(path, std::to_string(count) + " " + fault);
    report.ok(path, "has " + std::to_string(users.size()) +
                        (users.size() == 1 ? " user" : " users") + " in the format " +
                        (found->format == Format::shadow ? "shadow" : "passwd-file"));
}

} // namespace poppass
