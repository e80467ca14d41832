// Weights fetched before their use, since the processor alone does not keep up.
#pragma once

namespace jackfield::JACKFIELD_SET {

constexpr int AHEAD = 4096;  // bytes
// Of fp32 for several rows: where two threads share a memory that is slow just now, their tiles wait at 4 KB.
constexpr int FULL_AHEAD = 12288;

INLINE void fetch(const void* at) { __builtin_prefetch(at, 0, 3); }
INLINE void fetch_far(const void* at) { __builtin_prefetch(at, 0, 2); }  // into the second cache
// FAR: measured, not derived. Floats of one stream and codes of integer arithmetic come up to twice as fast so; two streams
// of floats, and codes that become floats, do not.
template <bool FAR> INLINE void fetch_to(const void* at) { FAR ? fetch_far(at) : fetch(at); }

// Where the first cache has room for two stretches of weights, what comes next is fetched into it. Into the second alone
// took 1.05 times as long on average, and differently so in each copy of the same library.
static const bool near = sysconf(_SC_LEVEL1_DCACHE_SIZE) >= 48 << 10;
INLINE void fetch_soon(const void* at) { near ? fetch(at) : fetch_far(at); }

// Lines that a tile fetches while it works on others, evenly: more at once than memory gives are not fetched at all.
struct Share {
    const uint8_t* at = nullptr;
    int lines = 0, due = 0;
    // One of `times` times.
    MEMBER void fetch(int times) {
        for (due += lines; due >= times; due -= times, at += 64) fetch_soon(at);
    }
};

// Tile t's share of `lines` that begin at `at`, which may be null.
INLINE Share share_of(const uint8_t* at, size_t lines, int t, int tiles) {
    if (!at) return {};
    const size_t from = lines * size_t(t) / size_t(tiles);
    return {at + from * 64, int(lines * size_t(t + 1) / size_t(tiles) - from), 0};
}

// All that a tile fetches while it works: weights that come next, and what is wanted after the product.
struct Meanwhile {
    Share weights;
    Turns later;
    // In one of `turns` turns.
    MEMBER void fetch(int turns) {
        weights.fetch(turns);
        for (int i = 0; i < later.each; ++i, later.at += LINE) fetch_soon(later.at);
    }
};

}  // namespace jackfield::JACKFIELD_SET
