// The last link of a chain under test. It writes what it was given to descriptor 1, or to the file
// $NEXT_LINK_OUT, one value a line, and exits with the number in its first argument. program.hh
// reads the output.
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#ifdef POPPASS_LINUX
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

void print_escaped(FILE* out, const char* key, const char* text) {
    std::fprintf(out, "%s ", key);
    for (; *text != '\0'; ++text) {
        const auto byte = static_cast<unsigned char>(*text);
        if (byte < 0x20 || byte >= 0x7f || byte == '\\')
            std::fprintf(out, "\\x%02x", byte);
        else
            std::fputc(byte, out);
    }
    std::fputc('\n', out);
}

template <class Test> void print_numbers(FILE* out, const char* key, int end, Test test) {
    std::fputs(key, out);
    for (int number = 0; number < end; ++number)
        if (test(number)) std::fprintf(out, " %d", number);
    std::fputc('\n', out);
}

std::vector<unsigned char> read_to_end(int fd) {
    std::vector<unsigned char> bytes;
    unsigned char block[4096];
    ssize_t n = 0;
    while ((n = ::read(fd, block, sizeof block)) > 0) bytes.insert(bytes.end(), block, block + n);
    return bytes;
}

} // namespace

int main(int argc, char** argv) {
    // Done before anything else is opened.
    std::vector<bool> open_descriptors(1024);
    for (int fd = 0; fd < 1024; ++fd)
        open_descriptors[static_cast<std::size_t>(fd)] = ::fcntl(fd, F_GETFD) != -1;
    const auto record = read_to_end(3);

    const char* const path = std::getenv("NEXT_LINK_OUT");
    FILE* const out = path == nullptr ? stdout : std::fopen(path, "we");
    if (out == nullptr) return 111;
    std::fprintf(out, "next-link\n");
    for (int i = 0; i < argc; ++i) print_escaped(out, "argument", argv[i]);
    if (open_descriptors[3]) {
        std::fputs("record ", out);
        for (const auto byte : record) std::fprintf(out, "%02x", byte);
        std::fputc('\n', out);
    }
    print_numbers(out, "descriptors", 1024,
                  [&](int fd) { return open_descriptors[static_cast<std::size_t>(fd)]; });

    uid_t uid[3];
    gid_t gid[3];
    gid_t groups[256];
    ::getresuid(&uid[0], &uid[1], &uid[2]);
    ::getresgid(&gid[0], &gid[1], &gid[2]);
    std::fprintf(out, "uids %u %u %u\ngids %u %u %u\ngroups", uid[0], uid[1], uid[2], gid[0],
                 gid[1], gid[2]);
    const int count = ::getgroups(256, groups);
    for (int i = 0; i < count; ++i) std::fprintf(out, " %u", groups[i]);
    char directory[4096];
    print_escaped(out, "\ndirectory", ::getcwd(directory, sizeof directory) ? directory : "?");

    sigset_t blocked;
    ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
    print_numbers(out, "blocked", NSIG,
                  [&](int signal) { return signal > 0 && ::sigismember(&blocked, signal) == 1; });
    print_numbers(out, "ignored", NSIG, [](int signal) {
        struct sigaction action {};
        return signal > 0 && ::sigaction(signal, nullptr, &action) == 0 &&
               action.sa_handler == SIG_IGN;
    });
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    std::fprintf(out, "core %lld %lld\n", static_cast<long long>(core.rlim_cur),
                 static_cast<long long>(core.rlim_max));
    int parent_signal = 0;
#ifdef POPPASS_LINUX
    ::prctl(PR_GET_PDEATHSIG, &parent_signal);
#endif
    std::fprintf(out, "parent %d\n", parent_signal);
    std::fprintf(out, "group %s\n", ::getpgrp() == ::getpid() ? "own" : "other");
    for (char** variable = environ; *variable != nullptr; ++variable)
        print_escaped(out, "environment", *variable);
    if (std::fflush(out) != 0) return 111;
    return argc > 1 && std::isdigit(static_cast<unsigned char>(argv[1][0])) ? std::atoi(argv[1])
                                                                            : 0;
}
