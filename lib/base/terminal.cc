#include "base/terminal.hh"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

volatile std::sig_atomic_t caught = 0;

// While it exists, echo is off, and a handler notes the signals instead of letting them act. They
// are delivered only where `mask_before` is in force.
class Quiet {
public:
    explicit Quiet(int fd) : fd_(fd) {
        caught = 0;
        sigset_t blocked;
        ::sigemptyset(&blocked);
        for (const int number : signals) ::sigaddset(&blocked, number);
        ::sigprocmask(SIG_BLOCK, &blocked, &mask_before);
        struct sigaction note {};
        note.sa_handler = [](int number) { caught = number; };
        for (std::size_t i = 0; i < std::size(signals); ++i) {
            ::sigaction(signals[i], nullptr, &actions_[i]);
            // A signal that is ignored (nohup) stays ignored.
            if (actions_[i].sa_handler != SIG_IGN) ::sigaction(signals[i], &note, nullptr);
        }
        if (retried([&] { return ::tcgetattr(fd_, &before_); }) != 0) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
        silent.c_lflag |= ICANON | ISIG;
        good_ = retried([&] { return ::tcsetattr(fd_, TCSAFLUSH, &silent); }) == 0;
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() {
        if (good_) (void)retried([&] { return ::tcsetattr(fd_, TCSAFLUSH, &before_); });
        for (std::size_t i = 0; i < std::size(signals); ++i)
            ::sigaction(signals[i], &actions_[i], nullptr);
        ::sigprocmask(SIG_SETMASK, &mask_before, nullptr);
    }

    bool good() const { return good_; }
    sigset_t mask_before{};

private:
    int fd_;
    bool good_ = false;
    termios before_{};
    struct sigaction actions_[std::size(signals)]{};
};

// Judges what was read up to a line feed or the end of file, and drops the line feed.
Result<void> finish_line(Secret& into, std::size_t size, bool ended) {
    into.resize(size);
    const bool full = size == into.capacity();
    if (ended && into.view().ends_with('\n')) {
        into.resize(size - 1);
        return {};
    }
    if (!full && size > 0) return {};
    into.wipe();
    return trouble(full ? "read a password: the line is too long"
                        : "read a password: there is none");
}

} // namespace

Result<Terminal> Terminal::open() {
    Fd fd{retried([] { return ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC); })};
    if (!fd && ::isatty(STDIN_FILENO) == 1) fd.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return system_trouble("open the terminal");
    return Terminal{std::move(fd)};
}

Result<void> Terminal::ask(std::string_view prompt, Secret& into) const {
    for (;;) {
        Result<void> result;
        {
            Quiet quiet{fd_.get()};
            if (!quiet.good()) return system_trouble("turn echo off");
            if (result = write_whole(fd_.get(), prompt); !result) return result;
            pollfd input{fd_.get(), POLLIN, 0};
            // Signals are delivered during this call and at no other time, so none is missed.
            while (::ppoll(&input, 1, nullptr, &quiet.mask_before) < 0 && caught == 0)
                if (errno != EINTR) return system_trouble("wait for a password");
            if (caught == 0) {
                // A terminal gives one line at a time. What did not fit is discarded when echo is
                // turned on again.
                const auto storage = into.storage();
                const auto size =
                    retried([&] { return ::read(fd_.get(), storage.data(), storage.size()); });
                if (size < 0) return system_trouble("read a password");
                result = finish_line(into, static_cast<std::size_t>(size), true);
            }
            (void)write_whole(fd_.get(), "\n");
        }
        if (caught == 0) return result;
        // The terminal is as it was before. Where raise returns, the process was stopped and goes
        // on: ask again.
        ::raise(caught);
    }
}

Result<std::string> Terminal::ask_aloud(std::string_view prompt) const {
    Secret line{512};
    if (auto told = tell(prompt); !told) return told.error();
    const auto storage = line.storage();
    const auto size = retried([&] { return ::read(fd_.get(), storage.data(), storage.size()); });
    if (size < 0) return system_trouble("read the terminal");
    if (auto read = finish_line(line, static_cast<std::size_t>(size), true); !read)
        return read.error();
    return std::string{line.view()};
}

Result<void> Terminal::tell(std::string_view text) const { return write_whole(fd_.get(), text); }

Result<void> read_line(int fd, Secret& into) {
    into.wipe();
    const auto storage = into.storage();
    for (std::size_t size = 0; size < storage.size();) {
        const auto got = retried([&] { return ::read(fd, storage.data() + size, 1); });
        if (got < 0) return system_trouble("read a password");
        if (got == 0) return finish_line(into, size, false);
        if (storage[size++] == '\n') return finish_line(into, size, true);
    }
    return finish_line(into, storage.size(), false);
}

} // namespace poppass
