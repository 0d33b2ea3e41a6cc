// The credential file: found once, read whole, and replaced in one step.
#pragma once

#include "credential_scan.hh"
#include "fd.hh"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

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
    bool may_be_missing = false;       // a missing file holds nobody, and a change creates it (0600)
};

// The day it is, in UTC.
Days today();

class CredentialFile {
public:
    // Resolves the path, once; later calls name the file by its directory's descriptor. Refuses what
    // is no regular file with one link, a file or directory that others than root and the file's
    // owner can write, and a file that is a mount point (a rename could not reach it). Started as
    // root on a file of another account, the process becomes that account, for good, before the
    // file is opened.
    static Result<CredentialFile> open(CredentialFileOptions options);

    // Looks a user up, without a lock: what it reads is a whole file, the old or the new one.
    Result<Found> find(std::string_view login) const;

    // Takes the lock, looks the user up, asks `editor`, and replaces the file. It is the old or the
    // new file, whole, at every instant, and an error means that it is the old one. Every other
    // line stays byte for byte. The lock is on FILE.lock, or for /etc/shadow itself lckpwdf(3)'s; one
    // that cannot be had for ten seconds is an error with EAGAIN.
    // TERM, INT and HUP wait from the first write to the last.
    Result<Change> change(std::string_view login, const Editor& editor) const;

    const std::string& path() const { return path_; } // resolved
    bool is_system() const { return path_ == "/etc/shadow"; }
    uid_t owner() const { return owner_; }

private:
    CredentialFile() = default;
    struct Opened {
        Fd fd;
        struct stat status;
    };
    Result<void> resolve();
    Result<struct stat> look() const;
    Result<void> check(const struct stat& file) const;
    Result<void> become_owner(const struct stat& file) const;
    Result<std::optional<Opened>> open_file() const;
    Result<Fd> lock() const;
    Result<void> write_new(const Opened* old, const Scan& scan, const Edit& edit) const;
    Result<void> check_unchanged(const Opened* old) const;

    CredentialFileOptions options_;
    std::string path_;
    std::string name_;     // within the directory
    std::string new_name_;
    std::string lock_name_;
    Fd directory_;
    uid_t owner_ = 0;
};

} // namespace poppass
