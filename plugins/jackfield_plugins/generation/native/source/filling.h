// Memory that is touched before it is needed: the first touch of a page takes as long as some phases of a step.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace jackfield {

// Touches a stretch of zeroed memory from its beginning on, ahead of what is used, in a thread of its own: at first as any
// other, later after all others. Contents stay as they are, whoever writes meanwhile.
class Filler {
public:
    // Touches `ahead` bytes, and as many beyond all that `reach` told. Without a thread to be had, touches nothing.
    Filler(void* memory, size_t bytes, size_t ahead);
    ~Filler();
    Filler(const Filler&) = delete;
    Filler& operator=(const Filler&) = delete;

    // So many bytes from the beginning are in use, or about to be. One thread at a time.
    void reach(size_t used);

private:
    void serve();

    uint8_t* const memory_;
    const size_t bytes_, ahead_;
    size_t used_ = 0;
    std::atomic<size_t> wanted_;
    std::atomic<bool> closing_{false};
    std::thread thread_;
};

}  // namespace jackfield
