#include "filling.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace jackfield {

static constexpr size_t PAGE = 4096, STEP = size_t(32) << 20;

Filler::Filler(void* memory, size_t bytes, size_t ahead)
    : memory_(static_cast<uint8_t*>(memory)), bytes_(bytes), ahead_(ahead), wanted_(std::min(ahead, bytes)) {
    try {
        thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error&) {
        // pages come when they are needed
    }
}

Filler::~Filler() {
    closing_ = true;
    wanted_.store(bytes_ + 1);  // another value than it had, so that a thread that waits for one wakes up
    wanted_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Filler::reach(size_t used) {
    if (used < used_ + STEP) return;  // not a wake-up for each block
    used_ = used;
    const size_t wanted = std::min(used + ahead_, bytes_);
    if (wanted <= wanted_.load(std::memory_order_relaxed)) return;
    wanted_.store(wanted, std::memory_order_release);
    wanted_.notify_all();
}

void Filler::serve() {
    for (size_t filled = 0;;) {
        size_t wanted = wanted_.load(std::memory_order_acquire);
        for (; filled < wanted && !closing_; filled += PAGE)  // of a huge page the first touch brings all
            // a write, which alone makes a page one's own, that changes nothing
            __atomic_fetch_or(reinterpret_cast<uint32_t*>(memory_ + filled), 0, __ATOMIC_RELAXED);
        if (closing_) return;
        // From now on after all others; not before, since the machine is seldom as idle again as at the start, and where a
        // host must find the memory, a processor stands still meanwhile, whatever else it should run.
        setpriority(PRIO_PROCESS, id_t(syscall(SYS_gettid)), 19);
        wanted_.wait(wanted, std::memory_order_acquire);
    }
}

}  // namespace jackfield
