// Weights fetched before their use, since the processor alone does not keep up.
#pragma once
#include "ahead.h"
#include "caches.h"

namespace jackfield::JACKFIELD_SET {

constexpr int AHEAD = 4096;  // bytes
// Of fp32 for several rows: where two threads share a memory that is slow just now, their tiles wait at 4 KB.
constexpr int FULL_AHEAD = 12288;

INLINE void fetch(const void* at) { __builtin_prefetch(at, 0, 3); }
INLINE void fetch_far(const void* at) { __builtin_prefetch(at, 0, 2); }  // into the second cache
// FAR: measured, not derived. Floats of one stream and codes of integer arithmetic come up to twice as fast so; two streams
// of floats, and codes that become floats, do not.
template <bool FAR> INLINE void fetch_to(const void* at) { FAR ? fetch_far(at) : fetch(at); }

// Lines that a tile fetches while it works on others, evenly: more at once than memory gives are not fetched at all.
// Into the first cache where that has room: into the second alone took 1.05 times as long on average, and differently so in
// each copy of the same library.
struct Share {
    const uint8_t* at = nullptr;
    int lines = 0, due = 0;
    bool near = false;
    // In one of `turns` turns.
    MEMBER void turn(int turns) {
        for (due += lines; due >= turns; due -= turns, at += LINE) near ? fetch(at) : fetch_far(at);
    }
};

// Tile t's share of `lines` that begin at `at`, which may be null.
INLINE Share share_of(const uint8_t* at, size_t lines, int t, int tiles) {
    if (!at) return {};
    const size_t from = lines * size_t(t) / size_t(tiles);
    const bool near = roomy_first_cache && lines * LINE <= 16 << 10;
    return {at + from * LINE, int(lines * size_t(t + 1) / size_t(tiles) - from), 0, near};
}

// All that a tile fetches while it works: weights that come next, and what is wanted after the product.
struct Meanwhile {
    Share weights;
    Ahead* later = nullptr;
    Run run{};
    int each = 0;  // lines a turn
    bool near = false;
    // `turns`: of a loop that computes so many products.
    Meanwhile(const Share& weights, Ahead* ahead, int products, int turns) : weights(weights), later(ahead) {
        if (!later) return;
        each = later->take(products, turns);
        run = later->left();
        near = roomy_first_cache;
    }
    // In one of `turns` turns.
    MEMBER void turn(int turns) {
        weights.turn(turns);
        for (int i = 0; i < each; ++i, run.at += LINE) {
            if (__builtin_expect(run.at == run.end, 0)) {
                run = later->next();
                if (!run.at) return void(each = 0);
            }
            near ? fetch(run.at) : fetch_far(run.at);
        }
    }
    // After the last turn.
    MEMBER void end() {
        if (each) later->came(run.at);
    }
};

}  // namespace jackfield::JACKFIELD_SET
