#include "threads.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>

namespace jackfield {

constexpr int SPINS = 1000;  // of a pause each: some 10 to 40 microseconds

static void pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void wait_for(std::atomic<uint32_t>& value, uint32_t old) {
    for (int i = 0; i < SPINS; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        _mm_pause();
    }
    while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

Pool::Pool(int threads, std::vector<int> processors) : threads_(threads), processors_(std::move(processors)) {
    for (int thread = 1; thread < threads_; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
}

Pool::~Pool() {
    closing_ = true;
    started_.fetch_add(1, std::memory_order_release);
    started_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void Pool::serve(int thread) {
    if (size_t(thread) < processors_.size()) pin(processors_[size_t(thread)]);
    for (uint32_t seen = 0;; ++seen) {
        wait_for(started_, seen);
        if (closing_) return;
        (*job_)(thread);
        meet();
    }
}

void Pool::run(const std::function<void(int)>& job) {
    if (!pinned_ && !processors_.empty()) pin(processors_[0]);
    pinned_ = true;
    if (threads_ == 1) {
        job(0);
        return;
    }
    job_ = &job;
    started_.fetch_add(1, std::memory_order_release);
    started_.notify_all();
    job(0);
    meet();
}

void Pool::meet() {
    if (threads_ == 1) return;
    uint32_t seen = met_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
        arrived_.store(0, std::memory_order_relaxed);
        met_.fetch_add(1, std::memory_order_release);
        met_.notify_all();
    } else {
        wait_for(met_, seen);
    }
}

}  // namespace jackfield
