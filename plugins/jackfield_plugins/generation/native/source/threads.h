// A small pool: all threads run one function together and meet at barriers.
#pragma once
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace jackfield {

// Threads that wait spin for some microseconds and then sleep, between jobs and at barriers alike: a core that another
// process or Python's own thread needs is given up. Used by one caller at a time, who is thread 0.
class Pool {
public:
    // `processors`: where each thread is pinned, or empty. Throws std::system_error.
    Pool(int threads, std::vector<int> processors);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // Runs `job(thread)` on every thread; returns when all have come to its end.
    void run(const std::function<void(int)>& job);
    // Only inside a job: returns when all threads have come here.
    void meet();
    int threads() const { return threads_; }

private:
    void serve(int thread);

    const int threads_;
    const std::vector<int> processors_;
    bool pinned_ = false;
    const std::function<void(int)>* job_ = nullptr;
    bool closing_ = false;
    alignas(64) std::atomic<uint32_t> started_{0};
    alignas(64) std::atomic<uint32_t> met_{0};
    alignas(64) std::atomic<int> arrived_{0};
    std::vector<std::thread> workers_;
};

// Hands out the units of one phase, a few at a time, to whichever thread is free.
struct alignas(64) Counter {
    std::atomic<int> next{0};
    template <class Function> void share(int units, int grain, Function&& work) {
        for (int from; (from = next.fetch_add(grain, std::memory_order_relaxed)) < units;)
            for (int unit = from; unit < units && unit < from + grain; ++unit) work(unit);
    }
};

}  // namespace jackfield
