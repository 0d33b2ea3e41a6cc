// A front end that only greets. Started as root, it gives up all its privileges except those that
// $KEEP names, so that harden-check can find them. With `nothing at all` it does not even start a
// process.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void must(bool done) {
    if (!done) ::_exit(1);
}

void set_capabilities(__u32 effective, __u32 permitted, __u32 inheritable) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct sets[2]{{effective, permitted, inheritable}, {}};
    must(::syscall(SYS_capset, &header, sets) == 0);
}

void give_power_away(std::string_view keep) {
    sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter{1, all};
    must(keep == "calls" || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);

    char empty[] = "/tmp/half-hardened.XXXXXX";
    const int before = ::open("/", O_RDONLY | O_DIRECTORY);
    must(::mkdtemp(empty) != nullptr && ::chdir(empty) == 0 && ::rmdir(empty) == 0);
    must(keep == "root" || ::chroot(".") == 0);
    must(keep != "directory" || ::fchdir(before) == 0);
    ::close(before);

    must(keep == "groups" || ::setgroups(0, nullptr) == 0);
    must(keep == "gid" || ::setresgid(65534, 65534, 65534) == 0);
    must(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
    must(keep == "uid" || ::setresuid(65534, 65534, 65534) == 0);
    constexpr __u32 one = 1U << CAP_KILL;
    if (keep == "CapAmb") {
        set_capabilities(0, one, one);
        must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
    } else {
        set_capabilities(keep == "CapEff" ? one : 0, keep == "CapEff" || keep == "CapPrm" ? one : 0,
                         keep == "CapInh" ? one : 0);
    }
    must(keep == "privileges" || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    must(::prctl(PR_SET_DUMPABLE, keep == "looks" ? 1 : 0, 0, 0, 0) == 0);
}

} // namespace

int main(int, char** argv) {
    const char* const named = std::getenv("KEEP");
    const std::string_view keep = named == nullptr ? "" : named;
    if (keep == "nothing at all") return 0;
    ::closefrom(3);
    int pair[2];
    must(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    const pid_t pid = ::fork();
    must(pid >= 0);
    if (pid > 0) {
        ::close(pair[0]);
        const int null = ::open("/dev/null", O_RDWR);
        if (keep != "client") must(::dup2(null, 0) == 0 && ::dup2(null, 1) == 1);
        return ::waitpid(pid, nullptr, 0) == pid ? 0 : 1;
    }
    ::close(pair[1]);
    if (keep != "descriptors") ::close(2);
    give_power_away(keep);
    char greeting[64];
    const int size =
        std::snprintf(greeting, sizeof greeting, "200 %s hello, who are you?\r\n", argv[1]);
    must(::write(1, greeting, static_cast<std::size_t>(size)) == size);
    char byte = 0;
    while (::read(0, &byte, 1) > 0 && byte != '\n') {}
}
