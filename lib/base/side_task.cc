#include "base/side_task.hh"

#include <sched.h>
#include <sys/resource.h>
#include <utility>

namespace poppass {

#ifdef HAVE_THREADS_PLACED

namespace {

bool memory_is_limited() {
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
        rlimit limit;
        if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) return true;
    }
    return false;
}

// If the kernel chooses the processor, a new thread may wait for the processor of the thread that
// started it until the next tick. Many hashes take less time than that.
int start_elsewhere(pthread_t& thread, void* (*run)(void*), void* task) {
    cpu_set_t others;
    const int here = ::sched_getcpu();
    if (here < 0 || ::sched_getaffinity(0, sizeof others, &others) != 0) return -1;
    CPU_CLR(static_cast<unsigned>(here), &others);
    pthread_attr_t attributes;
    if (CPU_COUNT(&others) == 0 || ::pthread_attr_init(&attributes) != 0) return -1;
    const bool placed = ::pthread_attr_setaffinity_np(&attributes, sizeof others, &others) == 0;
    const int failed = placed ? ::pthread_create(&thread, &attributes, run, task) : -1;
    ::pthread_attr_destroy(&attributes);
    return failed;
}

} // namespace

SideTask::SideTask(std::function<void()> work) : work_(std::move(work)) {
    const auto run = [](void* given) -> void* {
        auto& task = *static_cast<SideTask*>(given);
        try {
            task.work_();
            task.done_ = true;
        } catch (...) {
            // done_ stays false: wait() does the work again, and the caller gets the exception.
        }
        return nullptr;
    };
    running_ = !memory_is_limited() && start_elsewhere(thread_, run, this) == 0;
}

#else

SideTask::SideTask(std::function<void()> work) : work_(std::move(work)) {}

#endif

void SideTask::join() {
    if (running_) ::pthread_join(thread_, nullptr);
    running_ = false;
}

void SideTask::wait() {
    join();
    if (!done_) work_();
    done_ = true;
}

} // namespace poppass
