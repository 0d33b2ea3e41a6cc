#include "support/at_terminal.hh"

#include <cstdlib>
#include <poll.h>
#include <pty.h>
#include <stdexcept>
#include <sys/wait.h>
#include <termios.h>
#include <thread>
#include <unistd.h>

#include <csignal>

namespace poppass::test {

namespace {

bool soon(const std::function<bool()>& so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!so()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(milliseconds{5});
    }
    return true;
}

int become(std::vector<std::string> argv, const Environment& environment) {
    for (const auto& [name, value] : environment)
        value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    std::vector<char*> pointers;
    for (auto& word : argv) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    return 127;
}

} // namespace

AtTerminal::AtTerminal(const std::function<int()>& deed) {
    int master = -1;
    pid_ = ::forkpty(&master, nullptr, nullptr, nullptr);
    if (pid_ < 0) throw std::runtime_error{"no terminal"};
    if (pid_ == 0) {
        // Shells start background programs with two of them ignored, nohup with SIGHUP ignored.
        for (const int number : {SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP})
            ::signal(number, SIG_DFL);
        ::_exit(deed());
    }
    master_.reset(master);
}

AtTerminal::AtTerminal(std::vector<std::string> argv, Environment environment)
    : AtTerminal([&] { return become(argv, environment); }) {}

AtTerminal::~AtTerminal() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL); // forkpty made it the leader of a session
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

bool AtTerminal::more() {
    pollfd event{master_.get(), POLLIN, 0};
    char block[1000];
    if (::poll(&event, 1, 10'000) != 1) return false;
    const auto n = ::read(master_.get(), block, sizeof block);
    if (n > 0) shown_.append(block, static_cast<std::size_t>(n));
    return n > 0;
}

bool AtTerminal::shows(std::string_view text) {
    for (;;) {
        const auto at = shown_.find(text, seen_);
        if (at != std::string::npos) {
            seen_ = at + text.size();
            return true;
        }
        if (!more()) return false;
    }
}

void AtTerminal::type(std::string_view keys) const {
    if (!write_whole(master_.get(), keys)) throw std::runtime_error{"the terminal is gone"};
}

bool AtTerminal::echoes(bool wanted) const {
    return soon([&] {
        termios settings{};
        return ::tcgetattr(master_.get(), &settings) == 0 &&
               ((settings.c_lflag & ECHO) != 0) == wanted;
    });
}

int AtTerminal::wait() {
    int status = 0;
    const bool ended = soon([&] {
        pollfd event{master_.get(), POLLIN, 0};
        if (::poll(&event, 1, 0) == 1) more(); // so that the program need not wait for a reader
        return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    if (!ended) return -1000;
    pid_ = 0;
    while (more()) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

} // namespace poppass::test
