// confined UNIT PATH...: runs what a systemd unit starts, within the unit's limits. It is for
// machines where systemd does not run, and sets only limits of the kernel, not those of control
// groups. PATHs stay visible even if a limit hides their folder. It must be root. It refuses a unit
// with a limit that it does not know.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <map>
#include <sched.h>
#include <set>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using Words = std::vector<std::string>;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "confined: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(111);
}
void must(bool done, const std::string& what) {
    if (!done) fail(what);
}

// Splits as systemd does: at spaces, with quotes.
Words split(const std::string& text) {
    Words words;
    std::string word;
    char quote = 0;
    bool open = false;
    for (const char c : text) {
        if (quote != 0 ? c == quote : c == '"' || c == '\'') {
            quote = quote != 0 ? char{0} : c;
            open = true;
        } else if (c == ' ' && quote == 0) {
            if (open) words.push_back(word);
            word.clear();
            open = false;
        } else {
            word += c;
            open = true;
        }
    }
    if (open) words.push_back(word);
    return words;
}

// The lines of [Service], in order. Lines that no function has asked for are refused at the end.
class Unit {
public:
    explicit Unit(const char* path) {
        std::ifstream file{path};
        must(file.good(), path);
        bool service = false;
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with('[')) service = line == "[Service]";
            const auto equals = line.find('=');
            if (!service || line.empty() || line[0] == '#' || equals == line.npos) continue;
            lines_[line.substr(0, equals)].push_back(line.substr(equals + 1));
        }
    }
    Words all(const std::string& name) {
        known_.insert(name);
        return lines_[name];
    }
    std::string last(const std::string& name) {
        const auto values = all(name);
        return values.empty() ? "" : values.back();
    }
    bool yes(const std::string& name) { return last(name) == "yes"; }
    void refuse_unknown() const {
        for (const auto& [name, values] : lines_)
            if (!known_.contains(name) && !values.empty()) {
                errno = ENOSYS;
                fail(name);
            }
    }

private:
    std::map<std::string, Words> lines_;
    std::set<std::string> known_;
};

// --- the view of the file system

int clone_tree(const std::string& path) {
    const auto fd = static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    must(fd >= 0, "clone " + path);
    return fd;
}

void attach(int tree, const std::string& path) {
    must(::syscall(SYS_move_mount, tree, "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0,
         "attach " + path);
    ::close(tree);
}

void set_read_only(const std::string& path, bool read_only) {
    mount_attr attributes{};
    (read_only ? attributes.attr_set : attributes.attr_clr) = MOUNT_ATTR_RDONLY;
    must(::syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), read_only ? AT_RECURSIVE : 0,
                   &attributes, sizeof attributes) == 0,
         "protect " + path);
}

void make_directories(const std::string& path) {
    for (std::size_t at = 1; at != path.npos;) {
        at = path.find('/', at + 1);
        ::mkdir(path.substr(0, at).c_str(), 0755);
    }
}

bool is_directory(const std::string& path) {
    struct stat file {};
    return ::stat(path.c_str(), &file) == 0 && S_ISDIR(file.st_mode);
}

void mount_tmpfs(const std::string& path) {
    must(!is_directory(path) ||
             ::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0,
         "hide " + path);
}

void make_devices() {
    constexpr std::array names{"null", "zero", "full", "random", "urandom"};
    std::map<std::string, int> trees;
    for (const char* const name : names) trees[name] = clone_tree("/dev/" + std::string{name});
    mount_tmpfs("/dev");
    for (const auto& [name, tree] : trees) {
        const auto path = "/dev/" + name;
        must(::close(::creat(path.c_str(), 0666)) == 0, path);
        attach(tree, path);
    }
}

void change_view(Unit& unit, const Words& kept_paths) {
    must(::unshare(CLONE_NEWNS) == 0, "unshare mounts");
    must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "part the mounts");
    (void)unit.yes("PrivateMounts");

    const auto writable = split(unit.last("ReadWritePaths"));
    std::map<std::string, int> kept;
    for (const auto& path : kept_paths) kept[path] = clone_tree(path);
    for (const auto& path : writable) kept[path] = clone_tree(path);

    if (unit.yes("PrivateTmp") || unit.yes("DynamicUser")) {
        mount_tmpfs("/tmp");
        mount_tmpfs("/var/tmp");
    }
    if (unit.yes("ProtectHome"))
        for (const char* const path : {"/home", "/root", "/run/user"}) mount_tmpfs(path);
    if (unit.yes("PrivateDevices")) make_devices();
    std::string proc;
    if (unit.last("ProtectProc") == "invisible") proc = "hidepid=invisible";
    if (unit.last("ProcSubset") == "pid")
        proc += std::string{proc.empty() ? "" : ","} + "subset=pid";
    must(::mount("proc", "/proc", "proc", 0, proc.c_str()) == 0, "mount /proc");

    for (const auto& [path, tree] : kept) {
        if (!is_directory(path)) make_directories(path);
        attach(tree, path);
    }
    // Everything that these settings protect is already below a path that is read-only.
    for (const char* const name : {"ProtectClock", "ProtectControlGroups", "ProtectKernelLogs",
                                   "ProtectKernelModules", "ProtectKernelTunables"})
        (void)unit.yes(name);
    if (unit.last("ProtectSystem") == "strict") {
        set_read_only("/", true);
        set_read_only("/proc", false);
    }
    for (const auto& path : writable) set_read_only(path, false);
}

// --- users and groups

unsigned number_of(const std::string& text) {
    char* end = nullptr;
    const auto number = std::strtoul(text.c_str(), &end, 10);
    must(!text.empty() && *end == '\0', "a user by number, not " + text);
    return static_cast<unsigned>(number);
}

// Only root and the user exist in the namespace. A process outside it writes the map, as systemd
// does.
void map_users(unsigned uid, unsigned gid) {
    int gate[2];
    must(::pipe(gate) == 0, "pipe");
    const auto target = "/proc/" + std::to_string(::getpid());
    const pid_t writer = ::fork();
    if (writer == 0) {
        char byte;
        ::close(gate[1]);
        (void)!::read(gate[0], &byte, 1);
        const auto map = [&](const char* file, unsigned id) {
            const auto line = "0 0 1\n" + std::to_string(id) + " " + std::to_string(id) + " 1\n";
            const int fd = ::open((target + file).c_str(), O_WRONLY);
            if (fd < 0 || ::write(fd, line.data(), line.size()) < 0) ::_exit(1);
        };
        map("/uid_map", uid);
        map("/gid_map", gid);
        ::_exit(0);
    }
    must(::unshare(CLONE_NEWUSER) == 0, "unshare users");
    ::close(gate[0]);
    ::close(gate[1]);
    int status = 0;
    must(::waitpid(writer, &status, 0) == writer && status == 0, "map the users");
}

void drop_bounding_set(const Words& kept) {
    const std::map<std::string, int> numbers{
        {"CAP_CHOWN", CAP_CHOWN},   {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
        {"CAP_KILL", CAP_KILL},     {"CAP_SETGID", CAP_SETGID},
        {"CAP_SETUID", CAP_SETUID}, {"CAP_SYS_CHROOT", CAP_SYS_CHROOT}};
    std::set<int> keep;
    for (const auto& name : kept) keep.insert(numbers.at(name));
    for (int number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number)
        if (!keep.contains(number)) must(::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0, "drop");
}

void become(Unit& unit) {
    std::string user = unit.last("User");
    if (unit.yes("DynamicUser")) user = "61184";
    const auto kept = split(unit.last("CapabilityBoundingSet"));
    (void)unit.last("AmbientCapabilities");
    if (user.empty()) return drop_bounding_set(kept);
    const unsigned uid = number_of(user);
    const auto group = unit.last("Group");
    const unsigned gid = group.empty() ? uid : number_of(group);
    // In a user namespace setgroups needs the map, and dropping the bounding set needs all
    // capabilities.
    must(::setgroups(0, nullptr) == 0, "setgroups");
    if (unit.yes("PrivateUsers")) map_users(uid, gid);
    drop_bounding_set(kept);
    must(::setresgid(gid, gid, gid) == 0 && ::setresuid(uid, uid, uid) == 0, "become " + user);
}

// --- the system calls

using Filter = std::vector<sock_filter>;

constexpr std::uint32_t argument(unsigned index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * index); // its lower half
}
sock_filter load(std::size_t offset) {
    return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter end_with(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
sock_filter skip_unless(std::uint32_t value, std::uint8_t count) {
    return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
}
sock_filter skip_unless_any(std::uint32_t bits, std::uint8_t count) {
    return BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, count);
}

std::uint32_t errno_of(int number) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number);
}

void install(Filter filter) {
    filter.insert(filter.begin(),
                  {load(offsetof(seccomp_data, arch)), skip_unless(AUDIT_ARCH_X86_64, 1),
                   BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), end_with(SECCOMP_RET_KILL_PROCESS),
                   load(offsetof(seccomp_data, nr))});
    filter.push_back(end_with(SECCOMP_RET_ALLOW));
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "install a filter");
}

// A call fails if its argument has any of these bits.
void forbid_bits(long call, unsigned index, std::uint32_t bits) {
    install({skip_unless(static_cast<std::uint32_t>(call), 3), load(argument(index)),
             skip_unless_any(bits, 1), end_with(errno_of(EPERM))});
}
void forbid(long call, int error) {
    install({skip_unless(static_cast<std::uint32_t>(call), 1), end_with(errno_of(error))});
}

std::map<std::string, std::uint32_t> call_numbers() {
    std::map<std::string, std::uint32_t> numbers;
    for (const char* const path :
         {"/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"}) {
        std::ifstream file{path};
        std::string define, name;
        std::uint32_t number = 0;
        for (std::string line; std::getline(file, line);)
            if (std::istringstream{line} >> define >> name >> number && name.starts_with("__NR_"))
                numbers[name.substr(5)] = number;
    }
    must(numbers.size() > 300, "the kernel's list of calls");
    return numbers;
}

// The names in a set, as systemd itself prints them.
void expand(const std::string& word, std::set<std::string>& names) {
    if (!word.starts_with('@')) {
        names.insert(word);
        return;
    }
    FILE* const output = ::popen(("systemd-analyze syscall-filter " + word).c_str(), "r");
    must(output != nullptr, "systemd-analyze");
    char line[256];
    while (std::fgets(line, sizeof line, output) != nullptr) {
        std::string text{line};
        text.erase(
            std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; }),
            text.end());
        if (text.empty() || text == word || text.starts_with('#')) continue;
        expand(text, names);
    }
    must(::pclose(output) == 0, "systemd-analyze syscall-filter " + word);
}

std::set<std::string> allowed_calls(const Words& lines) {
    std::set<std::string> allowed;
    expand("@default", allowed);
    for (const auto& line : lines) {
        const bool denied = line.starts_with('~');
        std::set<std::string> names;
        for (const auto& word : split(line.substr(denied ? 1 : 0))) expand(word, names);
        if (denied)
            std::erase_if(allowed, [&](const auto& name) { return names.contains(name); });
        else
            allowed.merge(names);
    }
    return allowed;
}

Filter allow_only(const std::set<std::string>& names) {
    const auto numbers = call_numbers();
    Filter filter;
    for (const auto& name : names)
        if (const auto number = numbers.find(name); number != numbers.end()) {
            filter.push_back(skip_unless(number->second, 1));
            filter.push_back(end_with(SECCOMP_RET_ALLOW));
        }
    filter.push_back(end_with(errno_of(EPERM)));
    return filter;
}

Filter only_families(const Words& names) {
    const std::map<std::string, std::uint32_t> numbers{{"AF_UNIX", AF_UNIX},
                                                       {"AF_INET", AF_INET},
                                                       {"AF_INET6", AF_INET6},
                                                       {"AF_NETLINK", AF_NETLINK}};
    Filter filter{load(argument(0))};
    for (const auto& name : names) {
        if (name == "none") continue;
        filter.push_back(skip_unless(numbers.at(name), 1));
        filter.push_back(end_with(SECCOMP_RET_ALLOW));
    }
    filter.push_back(end_with(errno_of(EAFNOSUPPORT)));
    filter.insert(filter.begin(),
                  skip_unless(SYS_socket, static_cast<std::uint8_t>(filter.size())));
    return filter;
}

void restrict_calls(Unit& unit, const Filter& allow) {
    constexpr std::uint32_t namespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                         CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    must(unit.last("SystemCallArchitectures") == "native" &&
             unit.last("SystemCallErrorNumber") == "EPERM",
         "such a filter");
    if (unit.yes("NoNewPrivileges"))
        must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "give up new privileges");
    if (const auto families = unit.last("RestrictAddressFamilies"); !families.empty())
        install(only_families(split(families)));
    if (unit.yes("RestrictNamespaces")) {
        forbid_bits(SYS_clone, 0, namespaces);
        forbid(SYS_clone3, ENOSYS);
        forbid(SYS_unshare, EPERM);
        forbid(SYS_setns, EPERM);
    }
    if (unit.yes("MemoryDenyWriteExecute")) {
        forbid_bits(SYS_mprotect, 2, PROT_EXEC);
        install({skip_unless(SYS_mmap, 4), load(argument(2)), skip_unless_any(PROT_WRITE, 2),
                 skip_unless_any(PROT_EXEC, 1), end_with(errno_of(EPERM))});
    }
    if (unit.yes("RestrictSUIDSGID")) {
        forbid_bits(SYS_fchmod, 1, S_ISUID | S_ISGID);
        forbid_bits(SYS_chmod, 1, S_ISUID | S_ISGID);
        forbid_bits(SYS_fchmodat, 2, S_ISUID | S_ISGID);
    }
    if (unit.yes("RestrictRealtime"))
        install({skip_unless(SYS_sched_setscheduler, 1), end_with(errno_of(EPERM))});
    if (unit.yes("LockPersonality"))
        install({skip_unless(SYS_personality, 1), end_with(errno_of(EPERM))});
    install(allow);
}

void limit(int resource, const std::string& value) {
    if (value.empty()) return;
    const rlimit both{std::stoul(value), std::stoul(value)};
    must(::setrlimit(static_cast<__rlimit_resource>(resource), &both) == 0, "limit");
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    Unit unit{argv[1]};
    const Words kept{argv + 2, argv + argc};

    ::clearenv();
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", 1);
    for (const auto& line : unit.all("Environment"))
        for (auto word : split(line)) {
            for (std::size_t at; (at = word.find("%%")) != word.npos;) word.erase(at, 1);
            const auto equals = word.find('=');
            ::setenv(word.substr(0, equals).c_str(), word.substr(equals + 1).c_str(), 1);
        }
    auto command = split(unit.last("ExecStart"));
    for (auto& word : command)
        if (word == "%H") word = "test.example";

    const auto allow = allow_only(allowed_calls(unit.all("SystemCallFilter")));
    change_view(unit, kept);
    if (unit.yes("PrivateNetwork")) must(::unshare(CLONE_NEWNET) == 0, "unshare the network");
    if (unit.yes("RemoveIPC")) must(::unshare(CLONE_NEWIPC) == 0, "unshare IPC");
    if (unit.yes("ProtectHostname")) must(::unshare(CLONE_NEWUTS) == 0, "unshare the host's name");
    ::umask(static_cast<mode_t>(std::stoul(unit.last("UMask"), nullptr, 8)));
    limit(RLIMIT_CORE, unit.last("LimitCORE"));
    limit(RLIMIT_NOFILE, unit.last("LimitNOFILE"));
    // These are for the manager, or for control groups.
    for (const char* const name :
         {"StandardInput", "StandardError", "KillMode", "TimeoutStopSec", "StateDirectory",
          "StateDirectoryMode", "IPAddressDeny", "MemoryMax", "TasksMax"})
        (void)unit.last(name);
    // Reads all settings first, because errors can no longer be reported once the limits are in
    // force.
    for (const char* const name :
         {"User", "Group", "DynamicUser", "PrivateUsers", "CapabilityBoundingSet",
          "AmbientCapabilities", "NoNewPrivileges", "SystemCallArchitectures", "SystemCallFilter",
          "SystemCallErrorNumber", "RestrictAddressFamilies", "RestrictNamespaces",
          "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute"})
        (void)unit.last(name);
    unit.refuse_unknown();
    become(unit);

    std::vector<char*> words;
    for (auto& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    restrict_calls(unit, allow);
    ::execv(words[0], words.data());
    fail(command.front());
}
