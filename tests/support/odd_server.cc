#include "support/odd_server.hh"

#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace poppass::test {

namespace {

constexpr int long_ms = 60'000;

Pipe need_pipe() {
    auto pipe = make_pipe();
    if (!pipe) throw std::runtime_error{"no pipe"};
    return std::move(*pipe);
}

} // namespace

SlowServer::SlowServer(std::string text) : text_(std::move(text)), stop_(need_pipe()) {
    thread_ = std::thread{[this] { serve(); }};
}

SlowServer::~SlowServer() {
    stop_.write_end.reset();
    thread_.join();
}

void SlowServer::serve() {
    struct Connection {
        Fd fd;
        std::size_t sent = 0;
    };
    std::vector<Connection> connections;
    for (;;) {
        constexpr int pause_ms = 700;
        const auto ready = first_ready({stop_.read_end.get(), listener_.fd()}, pause_ms);
        if (ready && *ready == 0) return;
        if (ready) connections.push_back({Fd{::accept(listener_.fd(), nullptr, nullptr)}});
        for (auto& one : connections)
            if (one.sent < text_.size())
                (void)::send(one.fd.get(), &text_[one.sent++], 1, MSG_NOSIGNAL);
    }
}

FakeServer::FakeServer(std::function<void(Fd client, int stop)> talk)
    : talk_(std::move(talk)), stop_(need_pipe()) {
    thread_ = std::thread{[this] { serve(); }};
}

FakeServer::~FakeServer() {
    stop_.write_end.reset();
    thread_.join();
}

void FakeServer::serve() {
    while (first_ready({stop_.read_end.get(), listener_.fd()}, long_ms) == 1)
        talk_(Fd{::accept(listener_.fd(), nullptr, nullptr)}, stop_.read_end.get());
}

CutProxy::CutProxy(int server_port, int step, Deed deed, std::function<void()> at_cut,
                   std::string answer)
    : server_port_(server_port), step_(step), deed_(deed), at_cut_(std::move(at_cut)),
      answer_(std::move(answer)) {}

void CutProxy::serve_connection(Fd client, int stop) {
    const Fd server = connect_port(server_port_);
    if (!server) return;
    const int ends[] = {client.get(), server.get()};
    bool server_spoke = true;
    int messages = 0;
    for (;;) {
        const auto from = first_ready({stop, ends[0], ends[1]}, long_ms);
        if (!from || *from == 0) return;
        char block[16384];
        const auto n = ::read(ends[*from - 1], block, sizeof block);
        if (n <= 0) return;
        if (*from == 1 && server_spoke) ++messages;
        server_spoke = *from == 2;
        const bool cut = *from == 1 && messages == step_ && !cut_;
        if (!cut || deed_ != Deed::drop_request)
            (void)write_whole(ends[2 - *from], {block, static_cast<std::size_t>(n)});
        if (!cut) continue;
        cut_ = true;
        // What the client sends before the server answers is still the same message.
        while (deed_ != Deed::drop_request && first_ready({stop, ends[1], ends[0]}, long_ms) == 2) {
            const auto more = ::read(ends[0], block, sizeof block);
            if (more <= 0) break;
            (void)write_whole(ends[1], {block, static_cast<std::size_t>(more)});
        }
        if (at_cut_) at_cut_();
        (void)write_whole(client.get(), answer_);
        // Until the other side closes.
        while (deed_ == Deed::hold_answer && first_ready({stop, ends[0]}, long_ms) == 1 &&
               ::read(ends[0], block, sizeof block) > 0)
            continue;
        return;
    }
}

} // namespace poppass::test
