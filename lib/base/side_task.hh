// A piece of work that another processor does while this one does something else.
#pragma once

#include <functional>
#include <pthread.h>

namespace poppass {

class SideTask {
public:
    // Begins `work` on a thread of its own, on another processor than the caller's. Where there is
    // none, or memory is limited (two tasks at once may need what one has), or no thread can be
    // had, wait() does the work. It touches nothing that the caller changes before wait().
    explicit SideTask(std::function<void()> work);
    SideTask(const SideTask&) = delete;
    SideTask& operator=(const SideTask&) = delete;
    ~SideTask() { join(); }

    // The work is done when this returns. What it throws, this throws.
    void wait();

private:
    void join();

    std::function<void()> work_;
    pthread_t thread_{};
    bool running_ = false;
    bool done_ = false;
};

} // namespace poppass
