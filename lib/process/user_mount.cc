#include "process/user_mount.hh"

#include "base/fd.hh"
#include "base/lines.hh"
#include "base/text.hh"

#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#ifdef POPPASS_LINUX
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#endif

namespace poppass {

#ifdef POPPASS_LINUX
namespace {

constexpr std::size_t longest_line = std::size_t{64} * 1024;

// `file_system` is what comes after the hyphen: its type, its source and its options. The kernel
// writes blanks of the source as \040. Other options come before user_id, and may contain what
// looks like it, so each one counts.
bool shows_mounter(std::string_view file_system, std::string_view user) {
    if (take_until(file_system, ' ') == "virtiofs") return true; // only root can mount it
    take_until(file_system, ' ');
    constexpr std::string_view name = "user_id=";
    bool shown = false;
    while (!file_system.empty()) {
        const std::string_view option = take_until(file_system, ',');
        if (!option.starts_with(name)) continue;
        shown = true;
        const std::string_view mounter = option.substr(name.size());
        if (mounter != "0" && mounter != user) return false;
    }
    return shown;
}

} // namespace

Result<bool> is_mounted_by(int mountinfo, dev_t device, uid_t user) {
    const std::string number = std::to_string(major(device)) + ":" + std::to_string(minor(device));
    const std::string name = std::to_string(user);
    bool shown = false, good = true;
    const auto read = each_line(mountinfo, longest_line, [&](std::string_view line, bool) {
        take_until(line, ' ');
        take_until(line, ' ');
        if (take_until(line, ' ') != number) return true;
        shown = true;
        const std::size_t hyphen = line.find(" - ");
        good = hyphen != line.npos && shows_mounter(line.substr(hyphen + 3), name);
        return good;
    });
    if (!read) return read.error();
    return shown && good;
}

Result<void> judge_mount(int fd, dev_t device, const std::string& path) {
    struct statfs status {};
    if (retried([&] { return ::fstatfs(fd, &status); }) != 0)
        return system_trouble("look at the file system of", path);
    // The owner of a process also owns its files here, and can let their readers wait.
    if (status.f_type == PROC_SUPER_MAGIC)
        return trouble(path + " shows processes, and stores no files: keep the file elsewhere");
    if (status.f_type != FUSE_SUPER_MAGIC) return {};
    const Fd mountinfo{
        retried([] { return ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC); })};
    if (!mountinfo) return system_trouble("find out who mounted", path);
    const auto good = is_mounted_by(mountinfo.get(), device, ::geteuid());
    if (!good) return good.error();
    if (*good) return {};
    return trouble(path + " is on a file system that a user mounted (FUSE), and that can show "
                          "any owner: keep the file elsewhere, or let root mount it");
}
#else
Result<void> judge_mount(int, dev_t, const std::string&) { return {}; }
#endif

} // namespace poppass
