// A small pool whose threads share out phases of work. Nobody waits for a thread, only for work: a thread that the system
// does not let run holds up the others only if it stopped in the middle of a unit.
#pragma once
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace jackfield {

// Waits for `ready(value)`: spins, and then sleeps until somebody who changes the value wakes it. How long it spins follows
// from how waiting went before: where threads outnumber free processors, spinning only takes the processor from the one
// that is waited for.
class Patience {
public:
    template <class Ready> void wait(std::atomic<uint32_t>& value, Ready&& ready);

private:
    int spins_ = 1000;
};

// The units of one phase, cut into as many runs as there are homes. A thread begins with its own run, since it has what
// that works on in its cache from the phase before, and then helps with the others.
struct alignas(64) Phase {
    static constexpr int HOMES = 15;  // at most; with `done` they fill a line
    std::atomic<uint32_t> next[HOMES]{}, done{0};

    void reset() {
        for (auto& one : next) one.store(0, std::memory_order_relaxed);
        done.store(0, std::memory_order_relaxed);
    }
    // Takes part, `grain` units at a time, and returns when all units are done, whoever did them.
    template <class Work> void share(int units, int homes, int home, int grain, Patience& patience, Work&& work);
    // As one run, whose units are nobody's in particular.
    template <class Work> void share(int units, int grain, Patience& patience, Work&& work) {
        share(units, 1, 0, grain, patience, work);
    }
};

// Where run `home` of `homes` begins, of `units`.
inline int begins(int units, int homes, int home) { return int(int64_t(units) * home / homes); }

// Used by one caller at a time, who is thread 0.
class Pool {
public:
    // `processors`: where each thread is pinned, or empty. Throws std::system_error.
    Pool(int threads, std::vector<int> processors);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // Waits until nobody is in the last job any more: what it works with may change from here on.
    void settle();
    // Runs `job(thread)` on this thread, and on those of the others that come in time; returns when this one is through.
    // The job must have all its work in phases, and lasts until `settle`.
    void run(std::function<void(int)> job);
    int threads() const { return threads_; }

private:
    static constexpr uint32_t OPEN = 1u << 31;
    void serve(int thread);

    const int threads_;
    const std::vector<int> processors_;
    bool pinned_ = false;
    std::function<void(int)> job_;
    Patience patience_;
    alignas(64) std::atomic<uint32_t> started_{0};
    alignas(64) std::atomic<uint32_t> inside_{0};  // OPEN while one may come in, and how many others are in
    std::atomic<bool> closing_{false};
    std::vector<std::thread> workers_;
};

inline void pause() { __builtin_ia32_pause(); }

template <class Ready> void Patience::wait(std::atomic<uint32_t>& value, Ready&& ready) {
    for (int i = 0; i < spins_; ++i) {
        if (ready(value.load(std::memory_order_acquire))) {
            if (i > 0 && spins_ < 2000) spins_ += spins_ / 4;
            return;
        }
        pause();
    }
    if (spins_ > 60) spins_ -= spins_ / 2;
    for (uint32_t seen; !ready(seen = value.load(std::memory_order_acquire));) value.wait(seen, std::memory_order_acquire);
}

template <class Work> void Phase::share(int units, int homes, int home, int grain, Patience& patience, Work&& work) {
    const uint32_t all = uint32_t(units), step = uint32_t(grain);
    for (int i = 0; i < homes; ++i) {
        const int run = (home + i) % homes, first = begins(units, homes, run);
        const uint32_t length = uint32_t(begins(units, homes, run + 1) - first);
        for (uint32_t from; (from = next[run].fetch_add(step, std::memory_order_relaxed)) < length;) {
            const uint32_t to = from + step < length ? from + step : length;
            for (uint32_t unit = from; unit < to; ++unit) work(first + int(unit));
            if (done.fetch_add(to - from, std::memory_order_acq_rel) + (to - from) == all) done.notify_all();
        }
    }
    patience.wait(done, [all](uint32_t value) { return value >= all; });
}

}  // namespace jackfield
