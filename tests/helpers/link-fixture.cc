// A link of a chain that does what its words say, one after the other, even what a link must not
// do. Exits with 0 at the end of its words.
//
//   record FILE      reads descriptor 3 to its end and adds it to FILE
//   login WORD       exits with 1 unless the record's first string is WORD
//   password WORD    the same for its second string
//   say BYTES        writes them to descriptor 1; complain BYTES: to 2
//   tell N PREFIX    writes PREFIX and the record, spaces for NULs, to descriptor N
//   flood COUNT      writes so many bytes to descriptor 1; scream COUNT: to 2
//   close N          closes descriptor N
//   mark FILE        adds one byte to FILE
//   await FILE       waits until there is FILE; without its directory, the end
//   sleep MS
//   leave FILE       leaves a process behind that holds the descriptors; its number goes to FILE
//   forever          never ends; stubborn: does not end at SIGTERM either
//   die SIGNAL
//   exit STATUS
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

[[noreturn]] void give_up() { ::_exit(99); }

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void add(const char* path, std::string_view bytes) {
    const int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) give_up();
    write_all(fd, bytes);
    ::close(fd);
}

const std::string& record() {
    static std::string bytes;
    char block[4096];
    for (ssize_t n; (n = ::read(3, block, sizeof block)) > 0;)
        bytes.append(block, static_cast<std::size_t>(n));
    return bytes;
}

std::string first_string() { return record().substr(0, record().find('\0')); }

std::string second_string() {
    const auto begin = std::min(record().size(), record().find('\0') + 1);
    return record().substr(begin, record().find('\0', begin) - begin);
}

void flood(int fd, long count) {
    const std::string block(4096, 'f');
    for (; count > 0; count -= 4096)
        write_all(fd, std::string_view{block}.substr(
                          0, static_cast<std::size_t>(std::min(count, 4096L))));
}

void leave(const char* path) {
    const pid_t pid = ::fork();
    if (pid == 0)
        for (;;) ::pause();
    add(path, std::to_string(pid) + "\n");
}

} // namespace

int main(int argc, char** argv) {
    int next = 1;
    const auto word = [&]() -> const char* { return next < argc ? argv[next++] : (give_up(), ""); };
    while (next < argc) {
        const std::string_view deed = word();
        if (deed == "record") {
            add(word(), record());
        } else if (deed == "login") {
            if (first_string() != word()) return 1;
        } else if (deed == "password") {
            if (second_string() != word()) return 1;
        } else if (deed == "say") {
            write_all(1, word());
        } else if (deed == "complain") {
            write_all(2, word());
        } else if (deed == "tell") {
            const int fd = std::atoi(word());
            std::string line = word() + record();
            std::replace(line.begin(), line.end(), '\0', ' ');
            write_all(fd, line + "\n");
        } else if (deed == "flood") {
            flood(1, std::atol(word()));
        } else if (deed == "scream") {
            flood(2, std::atol(word()));
        } else if (deed == "close") {
            ::close(std::atoi(word()));
        } else if (deed == "mark") {
            add(word(), "x");
        } else if (deed == "await") {
            const std::string path = word();
            const std::string directory = path.substr(0, path.rfind('/'));
            while (::access(path.c_str(), F_OK) != 0) {
                if (::access(directory.c_str(), F_OK) != 0) return 125; // the test is over
                ::usleep(2'000);
            }
        } else if (deed == "sleep") {
            ::usleep(static_cast<useconds_t>(std::atol(word())) * 1000);
        } else if (deed == "leave") {
            leave(word());
        } else if (deed == "forever" || deed == "stubborn") {
            if (deed == "stubborn") std::signal(SIGTERM, SIG_IGN);
            for (;;) ::pause();
        } else if (deed == "die") {
            const int number = std::atoi(word());
            std::signal(number, SIG_DFL);
            ::kill(::getpid(), number);
        } else if (deed == "exit") {
            return std::atoi(word());
        } else {
            give_up();
        }
    }
    return 0;
}
