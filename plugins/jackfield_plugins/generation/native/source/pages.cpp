#include "pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

namespace jackfield {

static constexpr size_t PAGE = 4096, HUGE_PAGE = size_t(2) << 20, SHELF = 32 * HUGE_PAGE;

static size_t up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

static uint8_t* map(size_t bytes) {  // begins at a huge page
    void* found = mmap(nullptr, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    uint8_t* whole = static_cast<uint8_t*>(found);
    const size_t before = up(reinterpret_cast<uintptr_t>(whole), HUGE_PAGE) - reinterpret_cast<uintptr_t>(whole);
    if (before) munmap(whole, before);
    if (before < HUGE_PAGE) munmap(whole + before + bytes, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(whole + before, bytes, MADV_HUGEPAGE);
#endif
    return whole + before;
}

namespace {

// Pieces one after the other in one mapping. None is ever used again, so that all are zeroed.
struct Shelf {
    uint8_t* from;
    size_t used;
    int pieces;
};

std::mutex lock;
std::vector<Shelf> shelves;  // the last one is being filled

}  // namespace

void* reserve(size_t bytes) {
    if (bytes == 0) return nullptr;
    const size_t size = up(bytes, PAGE);
    if (size > SHELF / 4) return map(size);
    std::lock_guard guard(lock);
    if (shelves.empty() || shelves.back().used + size > SHELF) shelves.push_back({map(SHELF), 0, 0});
    Shelf& shelf = shelves.back();
    uint8_t* piece = shelf.from + shelf.used;
    shelf.used += size;
    ++shelf.pieces;
    return piece;
}

void unreserve(void* memory, size_t bytes) {
    if (!memory) return;
    uint8_t* piece = static_cast<uint8_t*>(memory);
    const size_t size = up(bytes, PAGE);
    if (size > SHELF / 4) {
        munmap(piece, size);
        return;
    }
    std::lock_guard guard(lock);
    for (size_t i = 0; i < shelves.size(); ++i) {
        Shelf& shelf = shelves[i];
        if (piece < shelf.from || piece >= shelf.from + SHELF) continue;
        if (--shelf.pieces > 0) {
            madvise(piece, size, MADV_DONTNEED);
            return;
        }
        munmap(shelf.from, SHELF);
        shelves.erase(shelves.begin() + long(i));
        return;
    }
}

}  // namespace jackfield
