// A limit on the time that a library uses a socket, for calls that nothing else can end.
#pragma once

#include "base/clock.hh"

#include <csignal>
#include <ctime>

namespace poppass {

// With TLS the library waits in read(2) and write(2) themselves. At the deadline a timer sends this
// process a signal of its own, and its handler shuts the socket down, which ends such a call. An
// alarm(2) of the process is left alone.
class SocketLimit {
public:
    SocketLimit();
    SocketLimit(const SocketLimit&) = delete;
    SocketLimit& operator=(const SocketLimit&) = delete;
    ~SocketLimit();

    // Whether the system gave a timer. Without one there is no limit.
    bool works() const { return works_; }

    // Whether a deadline came while its socket was watched.
    bool is_over() const { return over_ != 0; }

    // While it exists, the deadline holds for this socket; -1: there is none yet.
    class Watch {
    public:
        Watch(SocketLimit& limit, int socket, Clock::time_point deadline);
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        ~Watch();

    private:
        SocketLimit& limit_;
    };

private:
    static void shut_down(int, siginfo_t* info, void*);

    timer_t timer_{};
    bool works_ = false;
    volatile std::sig_atomic_t socket_ = -1;
    volatile std::sig_atomic_t over_ = 0;
    struct sigaction action_ {}; // before
    bool was_blocked_ = false;
};

} // namespace poppass
