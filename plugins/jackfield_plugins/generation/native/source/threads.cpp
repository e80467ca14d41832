#include "threads.h"

#include <pthread.h>
#include <sched.h>

#include <utility>

namespace jackfield {

static void pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

Pool::Pool(int threads, std::vector<int> processors) : threads_(threads), processors_(std::move(processors)) {
    for (int thread = 1; thread < threads_; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
}

Pool::~Pool() {
    settle();
    closing_ = true;
    started_.fetch_add(1, std::memory_order_release);
    started_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void Pool::serve(int thread) {
    if (size_t(thread) < processors_.size()) pin(processors_[size_t(thread)]);
    Patience patience;
    for (uint32_t seen = 0;;) {
        patience.wait(started_, [seen](uint32_t value) { return value != seen; });
        seen = started_.load(std::memory_order_acquire);
        if (closing_) return;
        uint32_t state = inside_.load(std::memory_order_acquire);
        while (state & OPEN && !inside_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {}
        if (!(state & OPEN)) continue;  // too late: the job is over
        job_(thread);
        if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) inside_.notify_all();
    }
}

void Pool::settle() {
    patience_.wait(inside_, [](uint32_t value) { return value == 0; });
}

void Pool::run(std::function<void(int)> job) {
    if (!pinned_ && !processors_.empty()) pin(processors_[0]);
    pinned_ = true;
    settle();
    job_ = std::move(job);
    if (threads_ > 1) {
        inside_.store(OPEN, std::memory_order_release);
        started_.fetch_add(1, std::memory_order_release);
        started_.notify_all();
    }
    job_(0);
    if (threads_ > 1) inside_.fetch_and(~OPEN, std::memory_order_acq_rel);
}

}  // namespace jackfield
