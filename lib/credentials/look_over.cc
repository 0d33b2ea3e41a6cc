#include "credentials/look_over.hh"

#include "base/siphash.hh"
#include "base/text.hh"
#include "hash/scheme.hh"

#include <map>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_set>

namespace poppass {

namespace {

// The owner of the file must not be able to fill the memory of root's process, or the screen.
constexpr std::size_t most_numbers = 10;
constexpr std::size_t most_faults = 20;
constexpr std::size_t longest_scheme = 40;
constexpr std::size_t most_compared = 200'000;

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
    constexpr const char* weak_words =
        ", which is quickly guessed: let these users set a new password";
    if (!is_crypt_scheme(entry.scheme)) {
        const auto stored = split_stored(entry.scheme, crypt_scheme());
        if (stored && stored->scheme->written) return {};
        if (stored)
            return "of its hashes are " + std::string{std::string_view{stored->scheme->name}} +
                   weak_words;
        std::string scheme{cut_utf8(entry.scheme, longest_scheme)};
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
    return "of its hashes are " + std::string{weak} + weak_words;
}

class LineNumbers {
public:
    void add(std::size_t number) {
        if (count_++ < most_numbers) text_ += (text_.empty() ? "" : ", ") + std::to_string(number);
    }
    bool empty() const { return count_ == 0; }
    std::string text() const {
        if (count_ <= most_numbers) return text_;
        return text_ + " and " + std::to_string(count_ - most_numbers) + " more";
    }

private:
    std::string text_;
    std::size_t count_ = 0;
};

// Tells which names it has met before, among the first `most_compared` ones.
class Names {
public:
    // If there is no randomness, the owner of the file can choose which names seem to be the same.
    Names() { (void)!::getentropy(key_.data(), sizeof key_); }

    bool is_new(std::string_view name) {
        if (met_.size() == most_compared) return true;
        return met_.insert(siphash(key_, name)).second;
    }

private:
    SipKey key_{};
    std::unordered_set<std::uint64_t> met_;
};

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
    LineNumbers broken, repeated;
    std::map<std::string, std::size_t> faults;
    std::size_t users = 0, further_faults = 0;
    Names names;
    const auto read =
        file->each([&](std::size_t number, std::string_view, const std::optional<Entry>& entry) {
            if (!entry) return broken.add(number);
            if (!names.is_new(entry->name)) return repeated.add(number);
            ++users;
            auto fault = find_fault(*entry);
            if (fault.empty()) return;
            if (faults.size() < most_faults || faults.count(fault) > 0)
                ++faults[std::move(fault)];
            else
                ++further_faults;
        });
    if (!read) return report.fail(path, read.error().message());
    if (!broken.empty())
        report.warn(path, "has lines that are no entries and count for nobody: " + broken.text() +
                              ": correct or remove them");
    if (!repeated.empty())
        report.warn(path, "has further lines of a user, which count for nobody: " +
                              repeated.text() + ": remove them");
    if (users > most_compared)
        report.warn(path, "has so many users that only the first " + std::to_string(most_compared) +
                              " were looked at for further lines of a user");
    for (const auto& [fault, count] : faults)
        report.warn(path, std::to_string(count) + " " + fault);
    if (further_faults > 0)
        report.warn(path, std::to_string(further_faults) +
                              " of its passwords have further faults: correct those above first");
    report.ok(path, "has " + std::to_string(users) + (users == 1 ? " user" : " users") +
                        " in the format " +
                        (found->format == Format::shadow ? "shadow" : "passwd-file"));
}

} // namespace poppass
