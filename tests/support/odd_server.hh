// Servers that tests put before the links, or in the place of a real server.
#pragma once

#include "support/listener.hh"

#include <atomic>
#include <string>
#include <thread>

namespace poppass::test {

// A server that takes every connection. It sends one byte of its text each 0.7 seconds, or nothing
// at all if it has none, and never ends a connection.
class SlowServer {
public:
    explicit SlowServer(std::string text = {});
    SlowServer(const SlowServer&) = delete;
    SlowServer& operator=(const SlowServer&) = delete;
    ~SlowServer();

    int port() const { return listener_.port(); }

private:
    void serve();

    Listener listener_;
    std::string text_;
    Pipe stop_; // closing its write end stops the thread
    std::thread thread_;
};

// A proxy before a server. It passes everything on, until a client has sent its `step`th message
// (what it sends before the server answers is one message). Later connections are not disturbed.
class CutProxy {
public:
    enum class Deed {
        drop_request, // closes the connection without passing it on
        drop_answer,  // passes it on, and closes the connection when the server answers
        hold_answer,  // passes it on, and sends nothing more
    };
    // `at_cut` runs at that moment. Then the client is sent `answer`, in the place of the server's,
    // and the connection is closed.
    CutProxy(int server_port, int step, Deed deed, std::function<void()> at_cut = {},
             std::string answer = {});
    CutProxy(const CutProxy&) = delete;
    CutProxy& operator=(const CutProxy&) = delete;
    ~CutProxy();

    int port() const { return listener_.port(); }
    bool has_cut() const { return cut_; }

private:
    void serve();
    void serve_connection(Fd client);

    Listener listener_;
    int server_port_;
    int step_;
    Deed deed_;
    std::function<void()> at_cut_;
    std::string answer_;
    std::atomic<bool> cut_ = false;
    Pipe stop_;
    std::thread thread_;
};

} // namespace poppass::test
