// The two processes of a live session, as the system shows them: which privileges they still have,
// what is in their memory, and how each reacts to signals and to the end of the other.
#include "network/sandbox.hh"
#include "support/conversation.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <deque>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

using namespace poppass::test;
using Clock = std::chrono::steady_clock;

namespace {

#ifdef POPPASS_SANITIZED
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

const std::string password_please = "200 Your password please.";
const std::string new_password_please = "200 Your new password please.";
const std::string changed = "200 Password changed, thank-you.";
const std::string incorrect = "500 Old password is incorrect.";
const std::string server_trouble = "500 Temporary failure: server trouble, good-bye.";
const std::string shutting_down = "500 The service is shutting down, good-bye.";

std::string proc(pid_t pid, const std::string& name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string link_of(const std::string& path) {
    std::error_code error;
    return std::filesystem::read_symlink(path, error).string();
}

std::map<int, std::string> descriptors_of(pid_t pid) {
    std::map<int, std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator{proc(pid, "fd")})
        result[std::stoi(entry.path().filename())] = link_of(entry.path());
    return result;
}

std::set<int> numbers_of(const std::map<int, std::string>& descriptors) {
    std::set<int> numbers;
    for (const auto& [number, target] : descriptors) numbers.insert(number);
    return numbers;
}

// A line of numbers in /proc/PID/status: "Uid".
std::vector<unsigned> ids_of(pid_t pid, const std::string& name) {
    const auto text = read_file(proc(pid, "status"));
    const auto begin = text.find("\n" + name + ":") + name.size() + 2;
    std::vector<unsigned> ids;
    char* end = nullptr;
    const auto line = text.substr(begin, text.find('\n', begin) - begin);
    for (const char* at = line.c_str();; at = end) {
        const auto id = std::strtoul(at, &end, 10);
        if (end == at) return ids;
        ids.push_back(static_cast<unsigned>(id));
    }
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

void converse(Conversation& client) {
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    CHECK(client.ask("newpass new") == changed);
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(client.rest() == Words{});
}

// The monitor's descriptors after it has closed the client's. It may do that a moment after the
// greeting.
std::map<int, std::string> monitors_descriptors(const Conversation& client, std::set<int> null) {
    for (int i = 0;; ++i) {
        auto descriptors = descriptors_of(client.monitor());
        std::set<int> found;
        for (const auto& [number, target] : descriptors)
            if (target == "/dev/null") found.insert(number);
        if (found == null || i == 1'000) return descriptors;
        std::this_thread::sleep_for(milliseconds{2});
    }
}

bool wait_for_file(const std::string& path) {
    for (int i = 0; i < 5'000; ++i) {
        if (::access(path.c_str(), F_OK) == 0) return true;
        std::this_thread::sleep_for(milliseconds{2});
    }
    return false;
}

void check_unprivileged(pid_t pid) {
    for (const char* const set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        CHECK(process_status(pid, set) == "0000000000000000");
    CHECK(process_status(pid, "NoNewPrivs") == (linux_build ? "1" : "0"));
    CHECK(process_status(pid, "Seccomp") == (hardened ? "2" : "0"));
    CHECK(process_status(pid, "Threads") == "1");
}

void check_jailed(pid_t pid, const std::string& root_begins, const std::string& root_ends) {
    for (const std::string name : {"root", "cwd"}) {
        const auto target = link_of(proc(pid, name));
        CAPTURE(target);
        CHECK(target.starts_with(root_begins));
        CHECK(target.ends_with(root_ends));
        std::error_code error;
        const std::filesystem::directory_iterator entries{proc(pid, name + "/"), error};
        CHECK((error || entries == std::filesystem::directory_iterator{}));
        const auto inside = proc(pid, name + "/x");
        CHECK(::open(inside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) == -1);
        CHECK(::mkdir(inside.c_str(), 0700) == -1);
    }
}

} // namespace

TEST_CASE("as root: the network side has no privileges, no files, and three descriptors") {
    if (missing(::geteuid() == 0, "root")) return;
    Service service;
    service.before_exec = [] {
        const gid_t groups[] = {4, 6, 27, 12'345};
        if (::setgroups(4, groups) != 0) ::_exit(126);
        for (int fd = 10; fd < 30; ++fd) ::dup2(2, fd);
        // These capabilities stay when the process takes another uid.
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct sets[2]{};
        ::syscall(SYS_capget, &header, sets);
        sets[0].inheritable = sets[0].permitted;
        if (::syscall(SYS_capset, &header, sets) != 0) ::_exit(126);
    };
    Conversation client{service};
    const pid_t network = client.network(), monitor = client.monitor();
    REQUIRE(network > 0);

    const passwd* const account = ::getpwnam("poppass");
    const unsigned uid = account == nullptr ? 65534 : account->pw_uid;
    const unsigned gid = account == nullptr ? 65534 : account->pw_gid;
    CHECK(ids_of(network, "Uid") == std::vector<unsigned>(4, uid));
    CHECK(ids_of(network, "Gid") == std::vector<unsigned>(4, gid));
    CHECK(ids_of(network, "Groups").empty());
    check_unprivileged(network);
    check_jailed(network, "/run/poppass.", " (deleted)");

    const auto theirs = descriptors_of(network);
    const auto ours = monitors_descriptors(client, {0, 1});
    CHECK(numbers_of(theirs) == std::set{0, 1, 3});
    CHECK(theirs.at(0).starts_with("socket:"));
    CHECK(theirs.at(0) == theirs.at(1));
    CHECK(theirs.at(3).starts_with("socket:"));
    CHECK(theirs.at(3) != theirs.at(0));

    // The monitor has closed the client's descriptors, and has its log and its end of the pair.
    REQUIRE(ours.size() == 4);
    CHECK(ours.at(0) == "/dev/null");
    CHECK(ours.at(1) == "/dev/null");
    CHECK(ours.at(2).starts_with("pipe:"));
    CHECK(ours.rbegin()->second.starts_with("socket:"));
    for (const auto& [number, target] : ours) CHECK(target != theirs.at(0));
    CHECK(ids_of(monitor, "Uid") == std::vector<unsigned>(4, 0));

    // The files in /proc belong to root if no other user may look into the process.
    struct stat status {};
    if (hardened) {
        REQUIRE(::stat(proc(network, "environ").c_str(), &status) == 0);
        CHECK(status.st_uid == 0);
    }
    converse(client);
    CHECK(client.end().status == 0);
    // Nothing of the session stays in /run.
    for (const auto& entry : std::filesystem::directory_iterator{"/run"})
        CHECK_FALSE(entry.path().filename().string().starts_with("poppass."));
}

TEST_CASE("as root: UID and GID say what the network side becomes") {
    if (missing(::geteuid() == 0, "root")) return;
    Service service;
    service.environment = {{"UID", "12345"}, {"GID", "23456"}};
    Conversation client{service};
    CHECK(ids_of(client.network(), "Uid") == std::vector<unsigned>(4, 12345));
    CHECK(ids_of(client.network(), "Gid") == std::vector<unsigned>(4, 23456));
    check_unprivileged(client.network());
    converse(client);
}

TEST_CASE("as root, where /run cannot be written: another empty directory") {
    if (missing(can_mount(), "root with mounts of its own")) return;
    Service service;
    service.before_exec = [] {
        if (!own_mounts() || ::mount("/run", "/run", nullptr, MS_BIND, nullptr) != 0 ||
            ::mount("none", "/run", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
            ::_exit(126);
    };
    Conversation client{service};
    check_unprivileged(client.network());
    check_jailed(client.network(), "/proc/", "");
    CHECK(numbers_of(descriptors_of(client.network())) == std::set{0, 1, 3});
    converse(client);
    CHECK(client.end().status == 0);
}

TEST_CASE("as root: where privileges cannot be dropped, nothing is served") {
    if (missing(::geteuid() == 0, "root")) return;
    struct Case {
        int capability;
        std::string deed;
    };
    for (const auto& [capability, deed] :
         {Case{CAP_SYS_CHROOT, "root"}, Case{CAP_SETUID, "become"}, Case{CAP_SETGID, "become"}}) {
        CAPTURE(deed);
        Service service;
        service.before_exec = [number = capability] {
            if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) ::_exit(126);
        };
        Conversation client{service, false};
        client.send("user joe\npass old\nnewpass new\n");
        CHECK(client.rest() == Words{server_trouble});
        const auto ended = client.end();
        CHECK(ended.status == 111);
        CHECK(has(ended.err, "event=error result=not-started "));
        CHECK(has(ended.err, deed));
        CHECK_FALSE(has(ended.err, "event=check"));
    }
}

TEST_CASE("as an ordinary user: no new privileges and the filter; nobody looks into either") {
    // That user must be able to reach the links.
    TemporaryDirectory directory;
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    const auto link = directory.file("link");
    std::filesystem::copy_file(built("link-fixture"), link);
    REQUIRE(::chmod(link.c_str(), 0755) == 0);
    Service service{.check = {link}, .change = link};
    if (::geteuid() == 0) service.as = nobody;
    const uid_t uid = ::geteuid() == 0 ? nobody.uid : ::geteuid();
    // These settings have no effect here.
    service.environment = {{"UID", "0"}, {"GID", "nonsense"}};
    Conversation client{service};
    check_unprivileged(client.network());
    if (::geteuid() == 0) // that user must not be able to look
        CHECK(numbers_of(descriptors_of(client.network())) == std::set{0, 1, 3});
    for (const pid_t pid : {client.network(), client.monitor()}) {
        CHECK(ids_of(pid, "Uid") == std::vector<unsigned>(4, uid));
        struct stat status {};
        REQUIRE(::stat(proc(pid, "environ").c_str(), &status) == 0);
        if (hardened) CHECK(status.st_uid == 0); // the process is not dumpable
    }
    converse(client);
    CHECK(client.end().status == 0);
}

TEST_CASE("a kernel that has no filter is an error with a text, and nothing goes on") {
    if (missing(hardened, "a build with the filter")) return;
    // As with qemu-user, and with kernels that are built without the filter.
    CHECK(
        in_child([] {
            constexpr unsigned first_argument =
                offsetof(seccomp_data, args) + (std::endian::native == std::endian::big ? 4 : 0);
            sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
                                     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first_argument),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
            const sock_fprog filter{std::size(program), program};
            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 97;
            if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return 98;
            const auto done = poppass::drop_privileges(std::nullopt);
            if (done || done.error().status != poppass::ExitStatus::temporary) return 99;
            return done.error().message() ==
                           "this kernel has no system call filter (seccomp): run one that has it, "
                           "or build with -Dposix_only=true, which leaves the filter out"
                       ? 0
                       : 1;
        }) == 0);
}

TEST_CASE("the filter allows nine system calls, and any other one kills the process") {
    if (missing(hardened, "a build with the filter")) return;
    const std::set<long> allowed{
        SYS_read,
        SYS_write,
        SYS_ppoll,
        SYS_shutdown,
        SYS_clock_gettime,
        SYS_restart_syscall,
        SYS_rt_sigreturn,
        SYS_exit_group,
#ifdef SYS_poll
        SYS_poll,
#endif
#ifdef SYS_sigreturn // s390x and 32-bit systems: for handlers that take only the signal's number
        SYS_sigreturn,
#endif
#ifdef SYS_clock_gettime64 // 32-bit systems
        SYS_clock_gettime64,
        SYS_ppoll_time64,
#endif
    };
#ifdef __NR_Linux // MIPS
    const long first = __NR_Linux;
#else
    const long first = 0;
#endif
    const auto call = [](long number) {
        return in_child([number] {
            const rlimit no_core{0, 0};
            ::setrlimit(RLIMIT_CORE, &no_core);
            if (!poppass::drop_privileges(std::nullopt)) return 99;
            (void)::syscall(number, -1, -1, -1, 0, 0, 0);
            return 0;
        });
    };
    for (long number = first; number < first + 480; ++number) {
        // These calls end the process or jump.
        if (number == SYS_rt_sigreturn || number == SYS_exit_group) continue;
#ifdef SYS_sigreturn
        if (number == SYS_sigreturn) continue;
#endif
        CAPTURE(number);
        const int ended = call(number);
#ifdef __x86_64__
        // uretprobe and uprobe: new kernels do not pass them to a filter, and only kernel code may
        // call them.
        if (number == 335 || number == 336) continue;
#endif
        REQUIRE(ended == (allowed.contains(number) ? 0 : -SIGSYS));
    }
    CHECK(call(-1) == -SIGSYS);
    CHECK(call(1 << 20) == -SIGSYS);
    // Closing the client's end for writing needs no other call, whatever the C library does.
    CHECK(in_child([] {
              int ends[2];
              if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 98;
              if (!poppass::drop_privileges(std::nullopt)) return 99;
              char byte;
              return poppass::end_writing(ends[0]) && ::read(ends[1], &byte, 1) == 0 ? 0 : 1;
          }) == 0);
#ifdef __x86_64__
    CHECK(call(0x40000000 | SYS_read) == -SIGSYS); // the calling convention of x32
#endif
}

namespace {

std::string random_password(std::size_t size) {
    constexpr std::string_view letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static std::random_device random;
    std::string password;
    while (password.size() < size) password += letters[random() % letters.size()];
    return password;
}

// Reads the readable memory of a process page by page, because it may release some meanwhile.
std::string memory_of(pid_t pid) {
    constexpr unsigned long page = 4096;
    const poppass::Fd memory{::open(proc(pid, "mem").c_str(), O_RDONLY | O_CLOEXEC)};
    if (!memory) throw std::runtime_error{"no memory to read"};
    const auto maps = read_file(proc(pid, "maps"));
    std::string all;
    for (std::size_t at = 0; at < maps.size(); at = maps.find('\n', at) + 1) {
        unsigned long begin = 0, end = 0;
        char readable = 0;
        if (std::sscanf(maps.c_str() + at, "%lx-%lx %c", &begin, &end, &readable) != 3) break;
        while (readable == 'r' && begin < end) {
            const auto before = all.size();
            all.resize(before + (end - begin));
            const auto n =
                ::pread(memory.get(), all.data() + before, end - begin, static_cast<off_t>(begin));
            all.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
            begin += n > 0 ? static_cast<unsigned long>(n) : page;
        }
    }
    return all;
}

constexpr std::size_t trace = 8; // this many bytes of a password in a row are a trace

// Finds which passwords have left a trace in the memory. It uses plain arrays because it compares
// very many bytes.
std::set<std::string> traces(const std::string& memory, const Words& passwords) {
    static std::array<unsigned char, 1 << 16> begins; // pairs of bytes with which a trace can begin
    begins.fill(0);
    std::map<std::string_view, const std::string*> parts;
    for (const auto& password : passwords)
        for (std::size_t i = 0; i + trace <= password.size(); ++i) {
            parts[std::string_view{password}.substr(i, trace)] = &password;
            const auto* const at = reinterpret_cast<const unsigned char*>(password.data()) + i;
            begins[static_cast<std::size_t>(at[0] << 8 | at[1])] = 1;
        }
    std::set<std::string> found;
    const auto* const begin = reinterpret_cast<const unsigned char*>(memory.data());
    const auto* const end = begin + memory.size() - std::min(memory.size(), trace - 1);
    const unsigned char* const table = begins.data();
    for (const unsigned char* at = begin; at < end; ++at) {
        if (table[at[0] << 8 | at[1]] == 0) continue;
        const auto part = parts.find({memory.data() + (at - begin), trace});
        if (part != parts.end()) found.insert(*part->second);
    }
    return found;
}

bool traces(pid_t pid, const std::string& password) {
    return !traces(memory_of(pid), {password}).empty();
}

// Waits a little, because the reply may come before the monitor has cleaned up.
bool no_traces(const Conversation& client, const Words& passwords) {
    for (int i = 0; i < 50; ++i) {
        if (traces(memory_of(client.network()), passwords).empty() &&
            traces(memory_of(client.monitor()), passwords).empty())
            return true;
        std::this_thread::sleep_for(milliseconds{20});
    }
    const auto indices = [&](pid_t pid) {
        std::string text;
        for (const auto& found : traces(memory_of(pid), passwords))
            text += " " + std::to_string(std::find(passwords.begin(), passwords.end(), found) -
                                         passwords.begin());
        return text;
    };
    MESSAGE("traces in the network side:" << indices(client.network())
                                          << "; in the monitor:" << indices(client.monitor()));
    return false;
}

constexpr std::size_t sizes[] = {8, 15, 16, 17, 31, 32, 33, 64, 100, 240};

} // namespace

TEST_CASE("secrets: once a change is answered, no memory holds a password") {
    if (missing(::geteuid() == 0, "root")) return;
    if (missing(!sanitized, "a build without sanitizers")) return;
    for (const auto size : sizes) {
        CAPTURE(size);
        const auto old = random_password(size), fresh = random_password(size);
        Conversation client{Service{}};
        CHECK(client.ask("user joe") == password_please);
        CHECK(client.ask("pass " + old) == new_password_please);
        // The search works: it finds the old password in the monitor, which keeps it, and nowhere
        // else.
        CHECK(traces(client.monitor(), old));
        CHECK_FALSE(traces(client.network(), old));
        CHECK(client.ask("newpass " + fresh) == changed);
        REQUIRE(no_traces(client, {old, fresh}));
        for (const pid_t pid : {client.network(), client.monitor()})
            for (const auto& password : {old, fresh})
                for (const char* const file : {"cmdline", "environ"})
                    CHECK_FALSE(has(read_file(proc(pid, file)), password));
        CHECK(client.ask("user joe") == password_please);
        REQUIRE(no_traces(client, {old, fresh}));
        CHECK(client.ask("quit") == "200 Bye.");
        const auto log = client.end().err;
        CHECK_FALSE(has(log, old));
        CHECK_FALSE(has(log, fresh));
    }
}

TEST_CASE("secrets: nor once the session is back at user, whatever the cause") {
    if (missing(::geteuid() == 0, "root")) return;
    if (missing(!sanitized, "a build without sanitizers")) return;
    for (const std::size_t size : {8, 33, 240}) {
        CAPTURE(size);
        const auto old = random_password(size), fresh = random_password(size);
        // Links that print what they have read.
        const auto telling = [](const char* status) {
            return fixture({"tell", "1", "553 ", "tell", "1", "", "tell", "2", "", "exit", status});
        };
        // A check that was refused.
        for (const char* const status : {"1", "2", "111", "255"}) {
            Conversation client{Service{.check = telling(status)}};
            CHECK(client.ask("user joe") == password_please);
            CHECK(client.ask("pass " + old).starts_with("500 "));
            REQUIRE(no_traces(client, {old}));
        }
        // A change that was not made, after which no other attempt is accepted.
        for (const char* const status : {"2", "111", "255"}) {
            Conversation client{Service{.change = quoted(telling(status))}};
            CHECK(client.ask("user joe") == password_please);
            CHECK(client.ask("pass " + old) == new_password_please);
            CHECK(client.ask("newpass " + fresh).starts_with("500 "));
            REQUIRE(no_traces(client, {old, fresh}));
        }
        // Errors that the client makes.
        const auto again = random_password(size);
        const auto much = random_password(6000);
        Service service{.change = quoted(telling("1"))};
        for (const auto& line : {"what " + again, "pass " + again, "user " + again, again,
                                 "newpass" + again, "user " + much, "pass " + much, much}) {
            Conversation client{service};
            CHECK(client.ask("user joe") == password_please);
            CHECK(client.ask("pass " + old) == new_password_please);
            CHECK(client.ask("newpass " + fresh).starts_with("500 "));
            CHECK(traces(client.monitor(), old));
            REQUIRE(no_traces(client, {fresh}));
            CHECK(client.ask(line).starts_with("500 "));
            REQUIRE(no_traces(client, {old, fresh, again, much}));
        }
        // Commands out of order, malformed and too long; and several commands in one write.
        Conversation client{Service{.check = telling("1")}};
        const auto bad = "pass " + old + "\npass " + fresh + bytes("\0\n") + "newpass " + again +
                         "\nuser joe\npass " + old + "\nnewpass " + much + "\nquux\n";
        client.send(bad);
        for (int i = 0; i < 7; ++i) (void)client.reply();
        REQUIRE(no_traces(client, {old, fresh, again, much}));
    }
}

TEST_CASE("secrets: the monitor never sees a line, the network side forgets it when it has asked") {
    if (missing(::geteuid() == 0, "root")) return;
    if (missing(!sanitized, "a build without sanitizers")) return;
    TemporaryDirectory directory;
    const auto old = random_password(40), fresh = random_password(40), later = random_password(40);
    const auto go = directory.file("go");
    Service service{.change = quoted(fixture({"mark", directory.file("begun"), "await", go}))};
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass " + old) == new_password_please);
    client.send("newpass " + fresh + "\r\npass " + later);
    REQUIRE(wait_for_file(directory.file("begun")));
    CHECK_FALSE(traces(client.network(), old));
    CHECK_FALSE(traces(client.network(), fresh));
    write_file(go, "");
    CHECK(client.reply() == changed);
    REQUIRE(no_traces(client, {old, fresh}));
    CHECK_FALSE(traces(client.monitor(), later));
}

TEST_CASE("secrets: a password that a link offers is in no log, and in no memory once it is set") {
    if (missing(::geteuid() == 0, "root")) return;
    if (missing(!sanitized, "a build without sanitizers")) return;
    TemporaryDirectory directory;
    const auto offer = random_password(40);
    const auto link = directory.file("offer");
    write_file(link, "#!/bin/sh\n[ -e \"$0.made\" ] && exit 0\n>\"$0.made\"\n"
                     "echo '553 Weak password: too short; \"" +
                         offer +
                         "\" would do (#5.7.1)'\n"
                         "exit 1\n");
    std::filesystem::permissions(link, std::filesystem::perms{0755});
    Conversation client{Service{.change = quoted({link})}};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    CHECK(client.ask("newpass new") == "500 Weak password: too short; \"" + offer + "\" would do");
    CHECK(client.ask("newpass " + offer) == changed);
    REQUIRE(no_traces(client, {offer}));
    CHECK(client.ask("quit") == "200 Bye.");
    const auto log = client.end().err;
    CHECK_FALSE(has(log, offer));
    CHECK(has(log, R"(words=Weak\x20password:\x20too\x20short;\x20\x22...\x22\x20would\x20do)"));
}

TEST_CASE("secrets: as kept pages, where the limits allow") {
    if (missing(::geteuid() == 0, "root")) return;
    Conversation client{Service{}};
    CHECK(std::stol(process_status(client.network(), "VmLck")) >= 8);
    CHECK(client.ask("user joe") == password_please);
    // After this reply the monitor's start is over.
    CHECK(client.ask("pass old") == new_password_please);
    CHECK(std::stol(process_status(client.monitor(), "VmLck")) >= 8);
    // It also works without them.
    Service poor;
    poor.before_exec = [] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
            ::prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) != 0)
            ::_exit(126);
    };
    Conversation other{poor};
    CHECK(other.ask("user joe") == password_please);
    CHECK(other.ask("pass old") == new_password_please);
    CHECK(process_status(other.monitor(), "VmLck") == "0");
    CHECK(other.ask("newpass new") == changed);
}

TEST_CASE("narrow limits, as softlimit sets them") {
    Service service;
    service.before_exec = [] {
        for (const auto& [what, limit] : std::map<int, rlim_t>{{RLIMIT_AS, 52'428'800},
                                                               {RLIMIT_DATA, 52'428'800},
                                                               {RLIMIT_STACK, 1 << 20},
                                                               {RLIMIT_NOFILE, 16},
                                                               {RLIMIT_CORE, 0}}) {
            const rlimit both{limit, limit};
            if (::setrlimit(static_cast<__rlimit_resource>(what), &both) != 0) ::_exit(126);
        }
    };
    if (sanitized) service.before_exec = {};
    Conversation client{service};
    converse(client);
}

TEST_CASE("no process to be had: the client is told, and the log") {
    if (missing(::geteuid() == 0, "root")) return;
    Service service{.check = {"/bin/false"}, .change = "/bin/false"};
    service.as = Ids{64'322, 64'322}; // no other process has this uid
    service.before_exec = [] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_NPROC, &none) != 0) ::_exit(126);
    };
    Conversation client{service, false};
    CHECK(client.rest() == Words{server_trouble});
    const auto ended = client.end();
    if (!sanitized) CHECK(ended.status == 111); // the leak check needs a process too
    CHECK(has(ended.err, "words=fork"));
}

TEST_CASE("SIGTERM to an idle monitor: it sends a last 500 and ends") {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT})
        for (const std::string lines : {"", "user joe\r\n", "user joe\r\npass old\r\n"}) {
            CAPTURE(number);
            CAPTURE(lines);
            Conversation client{Service{}};
            client.send(lines);
            for (const char c : lines)
                if (c == '\n') CHECK(client.reply().value_or("").starts_with("200 "));
            client.send("newp"); // in the middle of a line
            client.signal(number);
            CHECK(client.rest() == Words{shutting_down});
            const auto ended = client.end();
            CHECK(ended.status == 0);
            CHECK(has(ended.err, "event=end result=shutdown "));
        }
}

TEST_CASE("the same signal to the whole process group, as a terminal sends it") {
    Conversation client{Service{}};
    CHECK(client.ask("user joe") == password_please);
    ::kill(-client.monitor(), SIGINT);
    CHECK(client.rest() == Words{shutting_down});
    CHECK(client.end().status == 0);
}

TEST_CASE("SIGTERM at any time from the greeting on: no change is torn, no close without a word") {
    TemporaryDirectory directory;
    for (int delay = 0; delay < 60; ++delay) {
        CAPTURE(delay);
        const auto set = directory.file("set-" + std::to_string(delay));
        Service service{.check = fixture({"sleep", "3"}),
                        .change = quoted(fixture({"mark", set, "sleep", "10", "mark", set}))};
        Conversation client{service};
        client.send("user joe\npass old\nnewpass new\n");
        std::this_thread::sleep_for(std::chrono::microseconds{500} * delay);
        client.signal(SIGTERM);
        auto replies = client.rest();
        REQUIRE_FALSE(replies.empty());
        CHECK(replies.back() == shutting_down);
        const bool done = std::find(replies.begin(), replies.end(), changed) != replies.end();
        const bool begun = ::access(set.c_str(), F_OK) == 0;
        CHECK(begun == done);
        if (begun) CHECK(read_file(set) == "xx");
        CHECK(has(client.end().err, "event=end result=shutdown "));
    }
}

TEST_CASE("SIGTERM during a chain: it ends first, its reply is given, then the last 500") {
    for (const bool check : {true, false}) {
        CAPTURE(check);
        TemporaryDirectory directory;
        const auto begun = directory.file("begun"), go = directory.file("go");
        const Words slow{"mark", begun, "await", go};
        Service service;
        service.environment["POPPASS_DELAY"] = "1";
        if (check)
            service.check = fixture(slow);
        else
            service.change = quoted(fixture(slow));
        Conversation client{service};
        CHECK(client.ask("user joe") == password_please);
        if (!check) CHECK(client.ask("pass old") == new_password_please);
        client.send(check ? "pass old\r\n" : "newpass new\r\n");
        REQUIRE(wait_for_file(begun));
        for (int i = 0; i < 3; ++i) client.signal(SIGTERM);
        CHECK(client.silent(milliseconds{200}));
        write_file(go, "");
        CHECK(client.rest() == Words{check ? new_password_please : changed, shutting_down});
        CHECK(has(client.end().err, "event=end result=shutdown "));
    }
}

TEST_CASE("a signal while a refusal is held back: the refusal comes when it is due, then the end") {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
        CAPTURE(number);
        Service service{.check = fixture({"exit", "1"})};
        service.environment["POPPASS_DELAY"] = "2";
        Conversation client{service};
        CHECK(client.ask("user joe") == password_please);
        const auto asked = std::chrono::steady_clock::now();
        client.send("pass wrong\r\n");
        REQUIRE(client.log_has("event=check"));
        for (int i = 0; i < 3; ++i) client.signal(number);
        CHECK(client.rest() == Words{incorrect, shutting_down});
        CHECK(std::chrono::steady_clock::now() - asked >= milliseconds{2000});
        CHECK(has(client.end().err, "event=end result=shutdown "));
    }
}

TEST_CASE("a client that goes away, and a signal for it, do not shorten the wait") {
    // As under socat, which sends SIGTERM when its client hangs up.
    Service service{.check = fixture({"exit", "1"})};
    service.environment["POPPASS_DELAY"] = "2";
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    const auto asked = std::chrono::steady_clock::now();
    client.send("pass wrong\r\n");
    REQUIRE(client.log_has("event=check"));
    client.close();
    client.signal(SIGTERM);
    const auto end = client.end();
    CHECK(std::chrono::steady_clock::now() - asked >= milliseconds{2000});
    CHECK(has(end.err, "event=check result=refused "));
}

TEST_CASE("SIGKILL to the monitor: the network side tells the client and ends") {
    for (const std::string state : {"user", "newpass", "changing"}) {
        CAPTURE(state);
        TemporaryDirectory directory;
        const auto begun = directory.file("begun"), go = directory.file("go");
        Service service{.change = quoted(fixture({"mark", begun, "await", go}))};
        Conversation client{service};
        if (state != "user") {
            CHECK(client.ask("user joe") == password_please);
            CHECK(client.ask("pass old") == new_password_please);
        }
        if (state == "changing") {
            client.send("newpass new\r\n");
            REQUIRE(wait_for_file(begun));
        }
        client.signal(SIGKILL);
        CHECK(client.rest() == Words{server_trouble});
        client.close();
        CHECK(has_ended(client.network()));
        write_file(go, ""); // lets the link end, which has no parent any more
        CHECK(client.end().signal == SIGKILL);
    }
}

TEST_CASE("SIGKILL to the monitor: a check ends with it, a change goes on until an alarm") {
    if (missing(linux_build, "a signal at the parent's end")) return;
    for (const bool check : {true, false}) {
        CAPTURE(check);
        TemporaryDirectory directory;
        const auto number = directory.file("number");
        const Words endless{"/bin/sh", "-c",
                            "echo $$ >" + number + "~; mv " + number + "~ " + number +
                                "; exec sleep 1000",
                            "false"};
        Service service;
        service.environment["POPPASS_RUN"] = "2";
        if (check)
            service.check = endless;
        else
            service.change = quoted(endless);
        Conversation client{service};
        CHECK(client.ask("user joe") == password_please);
        if (!check) CHECK(client.ask("pass old") == new_password_please);
        client.send(check ? "pass old\r\n" : "newpass new\r\n");
        REQUIRE(wait_for_file(number));
        const pid_t link = std::stoi(read_file(number));
        client.signal(SIGKILL);
        CHECK(client.rest() == Words{server_trouble});
        CHECK(has_ended(link, milliseconds{check ? 2'000 : 5'000}) == check);
        CHECK(has_ended(link, milliseconds{15'000})); // ten seconds after POPPASS_RUN
        ::kill(link, SIGKILL);
        CHECK(client.end().signal == SIGKILL);
    }
}

TEST_CASE("the network side killed: the monitor logs it and ends, after the chain that it runs") {
    if (missing(::geteuid() == 0, "root")) return;
    {
        Conversation client{Service{}};
        CHECK(client.ask("user joe") == password_please);
        ::kill(client.network(), SIGKILL);
        CHECK(client.rest() == Words{});
        const auto ended = client.end();
        CHECK(ended.status == 0);
        CHECK(has(ended.err, "event=end result=killed "));
    }
    TemporaryDirectory directory;
    const auto begun = directory.file("begun"), done = directory.file("done");
    Service service{.change = quoted(fixture({"mark", begun, "sleep", "200", "mark", done}))};
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    client.send("newpass new\r\n");
    REQUIRE(wait_for_file(begun));
    ::kill(client.network(), SIGKILL);
    CHECK(client.rest() == Words{});
    const auto ended = client.end();
    CHECK(has(ended.err, "event=change result=changed "));
    CHECK(has(ended.err, "event=end result=killed "));
    CHECK(read_file(done) == "x");
}

TEST_CASE("a network side that does not exit when its time is up is ended") {
    if (missing(::geteuid() == 0, "root")) return;
    Service service;
    service.environment["POPPASS_SESSION"] = "1";
    Conversation client{service}, other{Service{}};
    const auto before = Clock::now();
    for (const Conversation* const each : {&client, &other}) ::kill(each->network(), SIGSTOP);
    other.signal(SIGTERM);
    for (Conversation* const each : {&client, &other}) {
        CHECK(has_ended(each->monitor(), milliseconds{15'000}));
        CHECK(has_ended(each->network()));
    }
    CHECK(Clock::now() - before >= std::chrono::seconds{5});
    CHECK(has(client.end().err, "event=end result=session "));
    CHECK(has(other.end().err, "event=end result=shutdown "));
}

TEST_CASE("both processes go on after SIGSTOP and SIGCONT, in any state") {
    if (missing(::geteuid() == 0, "root")) return;
    Conversation client{Service{}};
    const auto pause = [&] {
        for (const pid_t pid : {client.network(), client.monitor()}) ::kill(pid, SIGSTOP);
        std::this_thread::sleep_for(milliseconds{20});
        for (const pid_t pid : {client.network(), client.monitor()}) ::kill(pid, SIGCONT);
    };
    pause();
    CHECK(client.ask("user joe") == password_please);
    pause();
    client.send("pass old\r\n");
    pause();
    CHECK(client.reply() == new_password_please);
    pause();
    CHECK(client.ask("newpass new") == changed);
    pause();
    CHECK(client.ask("quit") == "200 Bye.");
}

TEST_CASE("other signals to the monitor do nothing, or end both with a word") {
    for (const int number : {SIGCHLD, SIGPIPE, SIGCONT, SIGWINCH, SIGURG}) {
        CAPTURE(number);
        Conversation client{Service{}};
        CHECK(client.ask("user joe") == password_please);
        client.signal(number);
        CHECK(client.ask("pass old") == new_password_please);
        client.signal(number);
        CHECK(client.ask("newpass new") == changed);
    }
    for (const int number : {SIGUSR1, SIGALRM, SIGABRT, SIGSEGV}) {
        CAPTURE(number);
        Conversation client{Service{}};
        client.signal(number);
        CHECK(client.rest() == Words{server_trouble});
    }
}

TEST_CASE("started with all signals ignored and blocked: verdicts and SIGTERM work as usual") {
    Service service;
    service.before_exec = ignore_and_block_signals;
    {
        Conversation client{service};
        converse(client);
        CHECK(client.end().status == 0);
    }
    {
        Conversation client{service};
        CHECK(client.ask("user joe") == password_please);
        client.signal(SIGTERM);
        CHECK(client.rest() == Words{shutting_down});
    }
    service.check = fixture({"exit", "1"});
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == incorrect);
}

TEST_CASE("descriptors 0, 1 and 2 closed at the start, in every combination") {
    for (unsigned bits = 0; bits < 8; ++bits) {
        CAPTURE(bits);
        TemporaryDirectory directory;
        const auto checks = directory.file("checks"), changes = directory.file("changes");
        Service service{.check = fixture({"record", checks}),
                        .change = quoted(fixture({"record", changes}))};
        for (int fd = 0; fd < 3; ++fd)
            if ((bits >> fd & 1) != 0) service.closed.push_back(fd);
        Conversation client{service, false};
        client.send("user joe\npass old\nnewpass new\nquit\n");
        const bool hears = (bits & 1) == 0, speaks = (bits & 2) == 0, logs = (bits & 4) == 0;
        Words wanted;
        if (speaks) wanted = {"200 test.example hello, who are you?"};
        if (speaks && hears)
            wanted.insert(wanted.end(),
                          {password_please, new_password_please, changed, "200 Bye."});
        CHECK(client.rest() == wanted);
        const auto ended = client.end();
        CHECK(ended.status == 0);
        CHECK_FALSE(ended.timed_out);
        CHECK(ended.err.empty() == !logs);
        // Whatever got these numbers, only the links got the records.
        if (hears) CHECK(read_file(changes) == bytes("joe\0old\0\0new\0"));
        CHECK((::access(checks.c_str(), F_OK) == 0) == hears);
    }
}

namespace {

// Makes a view of /dev with a /dev/log, for the log if descriptor 2 is the client.
struct PrivateLog {
    TemporaryDirectory directory;
    poppass::Fd socket;

    PrivateLog() : socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        directory.file("log").copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error{"bind"};
        write_file(directory.file("null"), "");
    }

    // This runs in the child.
    void enter() const {
        const auto null = directory.file("null");
        if (!own_mounts() || ::mount("/dev/null", null.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
            ::mount(directory.path().c_str(), "/dev", nullptr, MS_BIND | MS_REC, nullptr) != 0)
            ::_exit(126);
    }

    // Until nobody can write any more without waiting.
    void fill() const {
        const poppass::Fd writer{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        directory.file("log").copy(address.sun_path, sizeof address.sun_path - 1);
        while (::sendto(writer.get(), "full", 4, 0, reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 4) {}
        REQUIRE(errno == EAGAIN);
    }

    std::string lines() const {
        std::string text;
        char line[4096];
        for (ssize_t n; (n = ::recv(socket.get(), line, sizeof line, 0)) > 0;)
            text += std::string{line, static_cast<std::size_t>(n)} + "\n";
        return text;
    }
};

} // namespace

TEST_CASE("descriptor 2 is the client: nothing but replies on the wire") {
    const Words loud{"complain", "setpw: on descriptor 2\n", "scream", "200000", "exit"};
    for (const std::string status : {"0", "1"}) {
        Words deeds = loud;
        deeds.push_back(status);
        Service service{.check = fixture({"complain", "checkpw: on descriptor 2\n"}),
                        .change = quoted(fixture(deeds))};
        service.log_here = true;
        Conversation client{service};
        if (::geteuid() == 0) {
            CHECK(numbers_of(descriptors_of(client.network())) == std::set{0, 1, 3});
            CHECK(monitors_descriptors(client, {0, 1, 2}).size() == 4);
        }
        CHECK(client.ask("user joe") == password_please);
        CHECK(client.ask("pass old") == new_password_please);
        CHECK(client.ask("newpass new") ==
              (status == "0" ? changed : "500 Password change failed."));
        CHECK(client.ask("quit") == "200 Bye.");
        CHECK(client.rest() == Words{});
        CHECK(client.end().err == "");
    }
    // Errors at the start are logged too.
    Service service{.change = std::nullopt};
    service.log_here = true;
    Conversation client{service, false};
    CHECK(client.rest() == Words{server_trouble});
    CHECK(client.end().err == "");
}

TEST_CASE("descriptor 2 is the client: events and links' errors go to syslog, line by line") {
    if (missing(can_mount(), "root with mounts of its own")) return;
    const PrivateLog log;
    Service service{.check = fixture({"complain", "first\nsecond \x01 line\nthird"}),
                    .change = quoted(fixture(
                        {"tell", "2", "told ", "complain", "not to be told\n", "exit", "1"}))};
    service.log_here = true;
    service.before_exec = [&log] { log.enter(); };
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass s3cret-old") == new_password_please);
    CHECK(client.ask("newpass s3cret-new") == "500 Password change failed.");
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(client.rest() == Words{});
    const auto tag = "poppass[" + std::to_string(client.monitor()) + "]: ";
    CHECK(client.end().status == 0);
    const auto lines = log.lines();
    CAPTURE(lines);
    // 86 is authpriv.info.
    CHECK(has(lines, "<86>" + tag + "event=check result=accepted user=joe "));
    CHECK(has(lines, "event=change result=refused user=joe "));
    CHECK(has(lines, "event=end result=quit "));
    CHECK(has(lines, "event=link result=says user=joe "));
    CHECK(has(lines, "words=first\n"));
    CHECK(has(lines, "words=second\\x20\\x01\\x20line\n"));
    CHECK(has(lines, "words=third\n"));
    CHECK(has(lines, "words=not\\x20to\\x20be\\x20told\n"));
    CHECK(has(lines, "words=withheld\n")); // the line with the passwords
    CHECK_FALSE(has(lines, "s3cret"));
    CHECK_FALSE(has(lines, "words=\n")); // no line where nothing was written
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 8);
}

TEST_CASE("descriptor 2 is the client: a syslog that reads nothing holds a session up once") {
    if (missing(can_mount(), "root with mounts of its own")) return;
    const PrivateLog log;
    log.fill();
    std::string many;
    for (int line = 0; line < 100; ++line) many += "line\n";
    Service service{.check = fixture({"complain", many, "exit", "0"})};
    service.log_here = true;
    service.before_exec = [&log] { log.enter(); };
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    // Lines are written again as soon as somebody reads.
    (void)log.lines();
    CHECK(client.ask("newpass new") == changed);
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(client.end().status == 0);
    const auto lines = log.lines();
    CAPTURE(lines);
    CHECK(has(lines, "event=change result=changed "));
    CHECK(has(lines, "event=end result=quit "));
}

TEST_CASE("descriptor 2 is the client: POPPASS_AFTER's errors go to syslog with their user") {
    if (missing(can_mount(), "root with mounts of its own")) return;
    const PrivateLog log;
    Service service;
    service.environment["POPPASS_AFTER"] = "/bin/sh -c 'echo hello >&2'";
    service.log_here = true;
    service.before_exec = [&log] { log.enter(); };
    Conversation client{service};
    CHECK(client.ask("user joe") == password_please);
    CHECK(client.ask("pass old") == new_password_please);
    CHECK(client.ask("newpass new") == changed);
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(client.end().status == 0);
    const auto lines = log.lines();
    CAPTURE(lines);
    CHECK(has(lines, "event=link result=says user=joe "));
    CHECK(has(lines, "words=hello\n"));
    CHECK(has(lines, "event=after result=done user=joe "));
}
