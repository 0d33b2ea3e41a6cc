#include "process/path_walk.hh"

#include "base/file_mode.hh"
#include "process/user_mount.hh"

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace poppass {

namespace {

#ifdef POPPASS_LINUX
constexpr int path_only = O_PATH; // a reader needs no right to list the directory
#else
constexpr int path_only = O_RDONLY;
#endif

constexpr int most_links = 40;

// Every directory on the way is kept with its path, so the links of the file's owner must not lead
// through any number of them.
constexpr std::size_t longest_way = 4096;

// In a user namespace, owners that have no uid there are all shown as this one.
constexpr uid_t overflow_uid = 65534;

std::string join(const std::string& directory, const std::string& name) {
    return (directory == "/" ? "" : directory) + "/" + name;
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

Fd open_root() {
    return Fd{retried([] { return ::open("/", path_only | O_DIRECTORY | O_CLOEXEC); })};
}

Result<std::string> absolute(const std::string& path) {
    if (path.starts_with('/')) return path;
    char here[PATH_MAX];
    // A directory out of reach has no path that begins with a slash.
    if (::getcwd(here, sizeof here) == nullptr) return system_trouble("find the working directory");
    if (here[0] != '/') return trouble("the working directory is out of reach");
    return join(here, path);
}

// `holds_file`: a change makes files there. Others may write a sticky directory of root's where it
// is only passed through: they cannot replace what belongs to root or to the owner.
Result<void> judge(const Component& component, const std::string& file, uid_t owner,
                   bool holds_file) {
    const auto& [path, status] = component;
    const bool link = S_ISLNK(status.st_mode);
    const std::string danger = ", who could put another file in the place of " + file + ": ";
    if (status.st_uid != 0 && status.st_uid != owner)
        return trouble(path + " belongs to uid " + std::to_string(status.st_uid) + danger +
                       (link ? "chown -h root " : "chown root ") + path +
                       (owner == 0 ? "" : ", or to uid " + std::to_string(owner)));
    const bool sticky = (status.st_mode & S_ISVTX) != 0 && status.st_uid == 0;
    if (link || !others_write(status) || (sticky && !holds_file)) return {};
    const bool everybody = (status.st_mode & S_IWOTH) != 0;
    return trouble(path + " can be written by " + (everybody ? "everybody" : "its group") + danger +
                   (sticky ? "keep the file in a directory of its own"
                           : (everybody ? "chmod go-w " : "chmod g-w ") + path));
}

// The directory that the file is in: the last one of the way.
const Component& last_directory(const WalkedPath& walked) {
    return *std::find_if(walked.way.rbegin(), walked.way.rend(), [](const Component& component) {
        return S_ISDIR(component.status.st_mode);
    });
}

class Walk {
public:
    explicit Walk(const std::string& path) : asked_(path) {}

    Result<WalkedPath> to_file() {
        if (asked_.empty()) return Error{ExitStatus::temporary, "find a file without name", ENOENT};
        auto start = absolute(asked_);
        if (!start) return start.error();
        rest_ = std::move(*start);
        if (auto done = enter_root(); !done) return done.error();
        while (walked_.name.empty())
            if (auto done = step(); !done) return done.error();
        if (walked_.missing) walked_.status = last_directory(walked_).status;
        return std::move(walked_);
    }

private:
    // Takes the next name off `rest_`, and goes there.
    Result<void> step() {
        rest_.erase(0, std::min(rest_.find_first_not_of('/'), rest_.size()));
        const std::size_t slash = rest_.find('/');
        const bool is_last = slash == rest_.npos;
        const std::string name = rest_.substr(0, slash);
        rest_.erase(0, slash);
        if (is_last && (name.empty() || name == "." || name == ".."))
            return trouble(asked_ + " names no file");
        if (name == ".") return {};
        const std::string here = name == ".." ? parent_of(place_) : join(place_, name);
        Error no_directory;
        if (!is_last) {
            Fd next{retried([&] {
                return ::openat(walked_.directory.get(), name.c_str(),
                                path_only | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            })};
            if (next) return enter(std::move(next), here);
            no_directory = system_trouble("enter", here);
        }
        struct stat status {};
        const bool exists = retried([&] {
                                return ::fstatat(walked_.directory.get(), name.c_str(), &status,
                                                 AT_SYMLINK_NOFOLLOW);
                            }) == 0;
        if (!exists && (errno != ENOENT || !is_last || last_is_target_))
            return system_trouble("find", here);
        if (exists && S_ISLNK(status.st_mode)) return follow({here, status}, name, is_last);
        if (!is_last) return no_directory;
        if (exists && status.st_dev != *device_) {
            const Fd file{retried([&] {
                return ::openat(walked_.directory.get(), name.c_str(),
                                path_only | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
            })};
            if (!file) return system_trouble("find", here);
            if (auto good = judge_mount(file.get(), status.st_dev, here); !good) return good;
        }
        walked_.path = here;
        walked_.name = name;
        walked_.missing = !exists;
        walked_.status = status;
        return {};
    }

    // Whoever mounted the root can do anything in any case.
    Result<void> enter_root() {
        device_.reset();
        return enter(open_root(), "/");
    }

    Result<void> enter(Fd directory, const std::string& here) {
        if (here.size() >= PATH_MAX || walked_.way.size() >= longest_way)
            return Error{ExitStatus::temporary, "find " + asked_, ENAMETOOLONG};
        struct stat status {};
        if (!directory || retried([&] { return ::fstat(directory.get(), &status); }) != 0)
            return system_trouble("enter", here);
        if (device_ && status.st_dev != *device_)
            if (auto good = judge_mount(directory.get(), status.st_dev, here); !good) return good;
        device_ = status.st_dev;
        walked_.way.push_back({here, status});
        walked_.directory = std::move(directory);
        place_ = here;
        return {};
    }

    // Anybody who can exchange the link after it was judged can write the directory that the link
    // is in, and is found when that directory is judged.
    Result<void> follow(Component link, const std::string& name, bool is_last) {
        if (++links_ > most_links) return Error{ExitStatus::temporary, "find " + asked_, ELOOP};
        char target[PATH_MAX];
        const auto size = retried([&] {
            return ::readlinkat(walked_.directory.get(), name.c_str(), target, sizeof target);
        });
        if (size == sizeof target) errno = ENAMETOOLONG;
        if (size <= 0 || size == sizeof target)
            return system_trouble("read the symbolic link", link.path);
        walked_.way.push_back(std::move(link));
        last_is_target_ = last_is_target_ || is_last;
        rest_.insert(0, target, static_cast<std::size_t>(size));
        return target[0] == '/' ? enter_root() : Result<void>{};
    }

    std::string asked_;
    std::string rest_;  // what is left to walk
    std::string place_; // the path of walked_.directory
    int links_ = 0;
    bool last_is_target_ = false; // of a symbolic link
    std::optional<dev_t> device_; // of walked_.directory
    WalkedPath walked_{};
};

} // namespace

Result<WalkedPath> follow_path(const std::string& path) { return Walk{path}.to_file(); }

Result<void> judge_on_way(const Component& component, const std::string& file, uid_t owner) {
    return judge(component, file, owner, false);
}

Result<WalkedPath> walk_path(const std::string& path) {
    auto walked = follow_path(path);
    if (!walked) return walked;
    const Component& last = last_directory(*walked);
    const uid_t owner = walked->status.st_uid;
    if (owner == overflow_uid)
        return trouble(
            (walked->missing ? last.path : walked->path) +
            " belongs to uid 65534, which stands for every owner without a uid here: chown it");
    for (const Component& component : walked->way)
        if (auto good = judge(component, walked->path, owner, &component == &last); !good)
            return good.error();
    return walked;
}

Result<SafeDirectory> find_safe_directory(const std::string& path) {
    const std::size_t size = path.find_last_not_of('/') + 1;
    SafeDirectory found{"/", {}, "", open_root(), {}};
    if (size > 0 || path.empty()) {
        auto walked = follow_path(path.substr(0, size));
        if (!walked && walked.error().system_error == ENOENT)
            return trouble(walked.error().message() + ": make the directory that it is in");
        if (!walked) return walked.error();
        for (const Component& component : walked->way)
            if (auto good = judge_on_way(component, walked->path, ::geteuid()); !good)
                return good.error();
        found = {walked->path, std::move(walked->directory), std::move(walked->name), {}, {}};
        if (walked->missing) return found;
        found.directory.reset(retried([&] {
            return ::openat(found.parent.get(), found.name.c_str(),
                            path_only | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }));
    }
    if (!found.directory && errno == ENOTDIR)
        return trouble(found.path + " is no directory: name another one");
    struct stat& status = found.status;
    if (!found.directory || retried([&] { return ::fstat(found.directory.get(), &status); }) != 0)
        return system_trouble("open the directory", found.path);
    const std::string us = std::to_string(::geteuid());
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        return trouble(found.path + " belongs to uid " + std::to_string(status.st_uid) +
                       ", and not to uid " + us + ": chown " + us + ", or name another one");
    if (others_write(status)) return trouble(found.path + " can be written by others: chmod go-w");
    return found;
}

Result<void> judge_directory_of(const std::string& file, uid_t owner,
                                const struct stat& directory) {
    return judge({parent_of(file), directory}, file, owner, true);
}

} // namespace poppass
