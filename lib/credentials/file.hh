// The credential file. A look-up takes no lock. A change takes one, and replaces the file in one
// step.
#pragma once

#include "credentials/located_file.hh"
#include "credentials/scan.hh"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

// What to do with the user's line.
struct Edit {
    enum class What { keep, remove, write } what = What::keep;
    std::string line = {}; // without line feed; replaces the old line, or is added at the end
};

// Decides on the change. It is called under the lock, so it must be quick: no hashes, no prompts.
// After an error the file stays as it is.
using Editor = std::function<Result<Edit>(const Found&)>;

enum class Change {
    none,     // the editor kept the line
    made,     // and on the disk
    unsynced, // readers see it, but the directory could not be synced: a crash may undo it
};

struct CredentialFileOptions {
    std::string path;
    std::optional<Format> format = {}; // no value: the lines decide
    bool may_be_missing = false; // a missing file has no users, and a change creates it (0600)
    std::chrono::seconds lock_wait{10}; // how long a change waits for the lock
};

// The day it is, in UTC.
Days today();

class CredentialFile {
public:
    // Finds the file by the rules of LocatedFile. If root works on a file of another account, each
    // of the functions below takes the rights of that account, and gives them back before it
    // returns. Editors and functions that get the lines run under them.
    static Result<CredentialFile> open(const CredentialFileOptions& options);

    // Looks a user up without a lock. It reads a whole file, either the old or the new one. The
    // dummy hash of a file with several kinds of hashes needs the key in FILE.lock. Where there is
    // none yet, and for callers who may not read it, the dummy is of the most frequent kind.
    Result<Found> find(std::string_view login) const;

    // Hands each user's line to `take`: its number in the file, from 1, and the entry that it is,
    // or nothing where it is malformed; without a lock, of one whole file. Comments and blank lines
    // are nobody's.
    Result<void> each(const std::function<void(std::size_t number, std::string_view line,
                                               const std::optional<Entry>& entry)>& take) const;

    // Takes the lock, looks the user up, asks `editor`, and replaces the file. At every instant the
    // file is the old one or the new one, and complete. After an error it is the old one. All other
    // lines stay byte for byte; owner, group, mode and extended attributes stay, too. A line of
    // longest_line bytes is not written. The lock is on FILE.lock; for /etc/shadow it is the one of
    // lckpwdf(3). The first change writes a key into FILE.lock. A lock that cannot be had within
    // lock_wait is an error with EAGAIN. ALRM, TERM, INT and HUP are blocked from the first write
    // on. They stay blocked after a change (made or unsynced), so that the caller can report it
    // before it ends.
    Result<Change> change(std::string_view login, const Editor& editor) const;

    // An error that says what to do if the owner of the file could not replace it. Says nothing for
    // other accounts.
    Result<void> check_rights() const;

    const std::string& path() const { return file_.path(); } // resolved
    bool is_system() const { return path() == "/etc/shadow"; }
    uid_t owner() const { return file_.owner(); }

private:
    CredentialFile(LocatedFile file, const CredentialFileOptions& options);
    Result<Scan> scan(const LocatedFile::Opened* opened, std::string_view login,
                      DummyHashes* dummies = nullptr) const;
    std::string lock_path() const;
    Result<Fd> lock() const;
    Result<std::optional<SipKey>> key() const;
    Result<void> write_new(const LocatedFile::Opened* old, const Scan& scan,
                           const Edit& edit) const;

    LocatedFile file_;
    std::optional<Format> told_;
    std::chrono::seconds lock_wait_;
    std::string new_name_;
    std::string lock_name_;
};

} // namespace poppass
