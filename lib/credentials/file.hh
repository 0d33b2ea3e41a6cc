// The credential file: looked up without a lock, and replaced in one step under one.
#pragma once

#include "credentials/scan.hh"
#include "credentials/located_file.hh"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

// What to do with the user's line.
struct Edit {
    enum class What { keep, remove, write } what = What::keep;
    std::string line = {}; // without line feed; takes the old one's place, or comes last
};

// Decides under the lock, so quickly: no hashes, no prompts. An error ends the change, unchanged.
using Editor = std::function<Result<Edit>(const Found&)>;

enum class Change {
    none,     // the editor kept the line
    made,     // and on the disk
    unsynced, // readers see it, but the directory could not be synced: a crash may undo it
};

struct CredentialFileOptions {
    std::string path;
    std::optional<Format> format = {}; // nothing: as its lines say
    bool become_owner = true;          // as root, for a file of another account
    bool may_be_missing = false; // a missing file holds nobody, and a change creates it (0600)
    std::chrono::seconds lock_wait{10}; // how long a change waits for the lock
};

// The day it is, in UTC.
Days today();

class CredentialFile {
public:
    // Finds the file, by the rules of LocatedFile; becomes its owner, if so told and root.
    static Result<CredentialFile> open(const CredentialFileOptions& options);

    // Looks a user up, without a lock: what it reads is a whole file, the old or the new one.
    Result<Found> find(std::string_view login) const;

    // Hands each user's line to `take`: its number in the file, from 1, and the entry that it is, or
    // nothing where it is malformed; without a lock, of one whole file. Comments and blank lines are
    // nobody's.
    Result<void> each(const std::function<void(std::size_t number, std::string_view line,
                                               const std::optional<Entry>& entry)>& take) const;

    // Takes the lock, looks the user up, asks `editor`, and replaces the file. It is the old or the
    // new file, whole, at every instant, and an error means that it is the old one. Every other
    // line stays byte for byte; owner, group, mode and extended attributes stay. A line of
    // longest_line is not written. The lock is on FILE.lock, or for /etc/shadow itself
    // lckpwdf(3)'s; one that cannot be had within lock_wait is an error with EAGAIN. TERM, INT and
    // HUP wait from the first write on, and where a change was made or unsynced, they go on waiting:
    // its maker is to tell it before it ends.
    Result<Change> change(std::string_view login, const Editor& editor) const;

    const std::string& path() const { return file_.path(); } // resolved
    bool is_system() const { return path() == "/etc/shadow"; }
    uid_t owner() const { return file_.owner(); }

private:
    CredentialFile(LocatedFile file, const CredentialFileOptions& options);
    Result<Scan> scan(const LocatedFile::Opened* opened, std::string_view login) const;
    Result<Fd> lock() const;
    Result<void> write_new(const LocatedFile::Opened* old, const Scan& scan,
                           const Edit& edit) const;

    LocatedFile file_;
    std::optional<Format> told_;
    std::chrono::seconds lock_wait_;
    std::string new_name_;
    std::string lock_name_;
};

} // namespace poppass
