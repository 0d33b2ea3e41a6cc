// A piece of work that another processor does while this one does something else.
#pragma once

#include <functional>
#include <pthread.h>

namespace poppass {

class SideTask {
public:
    // Starts `work` in a thread of its own, on another processor than the caller's. Where there is
    // no other processor, where memory is limited (there may not be enough for two tasks), or where
    // no thread can be started, wait() does the work. `work` uses nothing that the caller changes
    // before wait().
    explicit SideTask(std::function<void()> work);
    SideTask(const SideTask&) = delete;
    SideTask& operator=(const SideTask&) = delete;
    ~SideTask() { join(); }

    // Returns when the work is done. Throws what the work throws.
    void wait();

private:
    void join();

    std::function<void()> work_;
    pthread_t thread_{};
    bool running_ = false;
    bool done_ = false;
};

} // namespace poppass
