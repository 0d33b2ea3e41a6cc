#include "network/sandbox.hh"

#include "base/fd.hh"
#include "base/secret.hh"
#include "process/become_user.hh"

#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef POPPASS_LINUX
#include "network/filter_calls.hh"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#endif

namespace poppass {

namespace {

// Makes a directory the root directory that is empty and stays so: it is removed, and nothing can
// be made in a removed directory.
Result<void> enter_removed_directory() {
    char name[] = "/run/poppass.XXXXXX";
    if (::mkdtemp(name) == nullptr) return system_trouble("make a directory in /run");
    const int failure = ::chdir(name) == 0 ? 0 : errno;
    if (::rmdir(name) != 0) return system_trouble("remove", name);
    if (failure != 0) return Error{ExitStatus::temporary, "enter " + std::string{name}, failure};
    if (::chroot(".") != 0) return system_trouble("change the root directory");
    return {};
}

#ifdef POPPASS_LINUX
// Does the same where /run cannot be written: the root directory is the descriptor list of a
// process that has ended.
Result<void> enter_dead_directory() {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    const pid_t pid = ::fork();
    if (pid < 0) return system_trouble("fork");
    if (pid == 0) {
        char byte;
        pipe->write_end.reset();
        (void)read_whole(pipe->read_end.get(), {&byte, 1}); // until our parent has entered
        ::_exit(0);
    }
    const std::string name = "/proc/" + std::to_string(pid) + "/fdinfo";
    // This comes before the process ends, because chroot would not find its directory afterwards.
    const bool entered = ::chdir(name.c_str()) == 0 && ::chroot(".") == 0;
    const Error error = system_trouble("take for the root directory", name);
    pipe->write_end.reset();
    retried([&] { return ::waitpid(pid, nullptr, 0); });
    if (!entered) return error;
    return {};
}
#endif

Result<void> enter_empty_directory() {
    auto entered = enter_removed_directory();
#ifdef POPPASS_LINUX
    if (!entered) return enter_dead_directory();
#endif
    return entered;
}

// The root directory comes first, because only root can change it.
Result<void> become_nobody(const Identity& identity) {
    if (auto entered = enter_empty_directory(); !entered) return entered;
    return become_user(identity.uid, identity.gid, {});
}

#ifdef POPPASS_LINUX

Result<void> drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
    if (::syscall(SYS_capset, &header, none) != 0) return system_trouble("drop capabilities");
    return {};
}

[[maybe_unused]] Result<void> install_filter() { // unused under sanitizers
    constexpr std::size_t calls = std::size(filter_calls);
    // It loads the processor and the number, compares the number with each call, and kills or
    // allows.
    sock_filter program[3 + 1 + calls + 2];
    std::size_t size = 0;
    const auto add = [&](sock_filter instruction) { program[size++] = instruction; };
    const auto jump = [](std::uint32_t value, std::size_t if_equal, std::size_t if_not) {
        return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
                                    static_cast<std::uint8_t>(if_equal),
                                    static_cast<std::uint8_t>(if_not));
    };
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
    add(jump(filter_processor, 1, 0));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    for (std::size_t i = 0; i < calls; ++i) add(jump(filter_calls[i], calls - i, 0));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(size), program};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) return system_trouble("install the system call filter");
    return trouble("this kernel has no system call filter (seccomp): run one that has it, or build "
                   "with -Dposix_only=true, which leaves the filter out");
}

#endif

} // namespace

Result<void> drop_privileges(const std::optional<Identity>& identity) {
    if (identity)
        if (auto done = become_nobody(*identity); !done) return done;
#ifdef POPPASS_LINUX
    if (auto done = drop_capabilities(); !done) return done;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_trouble("give up new privileges");
    if (auto done = make_undumpable(); !done) return done; // a change of ids may have undone it
#ifndef POPPASS_SANITIZED
    if (auto done = install_filter(); !done) return done;
#endif
#endif
    return {};
}

bool end_writing(int fd) {
#ifdef POPPASS_LINUX
    return ::syscall(SYS_shutdown, fd, SHUT_WR) == 0;
#else
    return ::shutdown(fd, SHUT_WR) == 0;
#endif
}

std::optional<bool> kernel_has_filter() {
#if defined(POPPASS_LINUX) && !defined(POPPASS_SANITIZED)
    const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
#else
    return std::nullopt;
#endif
}

} // namespace poppass
