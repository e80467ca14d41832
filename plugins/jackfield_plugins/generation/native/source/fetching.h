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

// Tile t's share of fetching the next pair: a pair's own reads are over too soon to hide each other.
static void fetch_share(const Product& p, int t, int tiles) {
    const size_t lines = p.weight->pair_bytes / 64;
    for (size_t line = lines * t / tiles; line < lines * (t + 1) / tiles; ++line) fetch_far(p.next + line * 64);
}

}  // namespace jackfield::JACKFIELD_SET
