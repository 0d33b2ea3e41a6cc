// Servers that tests put before the links, or in the place of a real server.
#pragma once

#include "support/listener.hh"

#include <atomic>
#include <functional>
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

// A server that speaks as the test wants, with one client after the other.
class FakeServer {
public:
    // `stop` is a descriptor that becomes ready when the test is over.
    explicit FakeServer(std::function<void(Fd client, int stop)> talk);
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;
    ~FakeServer();

    int port() const { return listener_.port(); }

private:
    void serve();

    Listener listener_;
    std::function<void(Fd client, int stop)> talk_;
    Pipe stop_;
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

    int port() const { return server_.port(); }
    bool has_cut() const { return cut_; }

private:
    void serve_connection(Fd client, int stop);

    int server_port_;
    int step_;
    Deed deed_;
    std::function<void()> at_cut_;
    std::string answer_;
    std::atomic<bool> cut_ = false;
    FakeServer server_{[this](Fd client, int stop) { serve_connection(std::move(client), stop); }};
};

} // namespace poppass::test
