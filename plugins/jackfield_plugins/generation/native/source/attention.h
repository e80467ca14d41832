// Attention over blocks where they lie, with the softmax computed along the way (Milakov and Gimelshein, 2018).
//
// Keys are read in chunks of 64 positions that begin at multiples of 64, in ascending order. A row's chunks, and the
// order of every sum in them, depend on its position alone: prefill, decode and any mixture give the same bits.
#pragma once

namespace jackfield::JACKFIELD_SET {

constexpr int CHUNK = 64;
constexpr int CHUNK_TILES = CHUNK / LANES;

template <class T> INLINE F wide(const T* p) {
    if constexpr (sizeof(T) == 2) return half((const uint16_t*)p);
    else return load((const float*)p);
}

struct Span { int from, to; };  // positions of a chunk that a query sees

// scores[query][tile * 16 + lane] for QN queries and TN tiles
template <class T, int QN, int TN>
INLINE void scores(const float* const* q, const T* const* keys, const T* const* ahead, int size, float (*out)[CHUNK], int tile) {
    F sum[QN][TN];
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i)
#pragma GCC unroll 16
        for (int t = 0; t < TN; ++t) sum[i][t] = zero();
    for (int d = 0; d < size; ++d) {
        F key[TN];
#pragma GCC unroll 16
        for (int t = 0; t < TN; ++t) {
            key[t] = wide(keys[tile + t] + d * LANES);
            if (ahead) fetch_far(ahead[tile + t] + d * LANES);
        }
#pragma GCC unroll 16
        for (int i = 0; i < QN; ++i) {
            F query = set(q[i][d]);
#pragma GCC unroll 16
            for (int t = 0; t < TN; ++t) sum[i][t] = fma(key[t], query, sum[i][t]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i)
#pragma GCC unroll 16
        for (int t = 0; t < TN; ++t) store(out[i] + (tile + t) * LANES, sum[i][t]);
}

// out[query][d] = out * fade + sum over the chunk's positions, ascending, of weight * value
template <class T, int QN, int DN>
INLINE void gather(const float (*weights)[CHUNK], const float* fade, const T* const* values, const T* const* ahead, int size,
                   int d, int from, int to, float* const* out) {
    F sum[QN][DN];
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i)
#pragma GCC unroll 16
        for (int n = 0; n < DN; ++n) sum[i][n] = zero();
    for (int j = from; j < to; ++j) {
        const T* at = values[j / LANES] + (j % LANES) * size + d;
        F value[DN];
#pragma GCC unroll 16
        for (int n = 0; n < DN; ++n) {
            value[n] = wide(at + n * LANES);
            if (ahead) fetch_far(ahead[j / LANES] + (j % LANES) * size + d + n * LANES);
        }
#pragma GCC unroll 16
        for (int i = 0; i < QN; ++i) {
            F weight = set(weights[i][j]);
#pragma GCC unroll 16
            for (int n = 0; n < DN; ++n) sum[i][n] = fma(value[n], weight, sum[i][n]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i)
#pragma GCC unroll 16
        for (int n = 0; n < DN; ++n) {
            float* place = out[i] + d + n * LANES;
            store(place, fma(load(place), set(fade[i]), sum[i][n]));
        }
}

// What is known of a query so far: the largest score, and the sum of weights by lane.
struct Running { float peak; float sums[LANES]; };

INLINE F seen(F x, Span span, int tile, F other) {
    const int from = span.from - tile * LANES, to = span.to - tile * LANES;
    return kept(x, from < 0 ? 0 : from > 16 ? 16 : from, to < 0 ? 0 : to > 16 ? 16 : to, other);
}

// Scores of queries become weights; `fade` is by what factor that which was gathered before fades. Queries go side by side,
// since each step of one waits for the one before. WHOLE: every query sees all of the tiles.
template <int QN, bool WHOLE>
INLINE void soften(float (*scores)[CHUNK], const Span* spans, int tiles, Running* running, float* fade) {
    F top[QN], sums[QN];
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i) top[i] = set(running[i].peak);
    for (int t = 0; t < tiles; ++t)
#pragma GCC unroll 16
        for (int i = 0; i < QN; ++i) {
            F value = load(scores[i] + t * LANES);
            top[i] = most(top[i], WHOLE ? value : seen(value, spans[i], t, set(-1e30f)));
        }
    alignas(64) float falls[LANES] = {};
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i) {
        const float before = running[i].peak;
        running[i].peak = largest(top[i]);
        falls[i] = before - running[i].peak;
        top[i] = set(running[i].peak);
    }
    store(falls, exponential(load(falls)));
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i) {
        fade[i] = falls[i];
        sums[i] = mul(load(running[i].sums), set(fade[i]));
    }
    for (int t = 0; t < tiles; ++t)
#pragma GCC unroll 16
        for (int i = 0; i < QN; ++i) {
            F weight = exponential(sub(load(scores[i] + t * LANES), top[i]));
            if (!WHOLE) weight = seen(weight, spans[i], t, zero());
            store(scores[i] + t * LANES, weight);
            sums[i] = add(sums[i], weight);
        }
#pragma GCC unroll 16
    for (int i = 0; i < QN; ++i) store(running[i].sums, sums[i]);
}

// A chunk's tiles, and the keys that are wanted after it, if there are `more`.
template <class T> struct Chunk {
    const T *keys[CHUNK_TILES], *values[CHUNK_TILES], *next[CHUNK_TILES];
    bool fetch, more;
};

template <class T, int QN>
static __attribute__((noinline)) void chunk(const float* const* q, float* const* out, const Span* spans, Running* running,
                                            const Chunk<T>& at, int size, int first, int last) {
    const T *const *keys = at.keys, *const *values = at.values;
    alignas(64) float weights[QN][CHUNK];
    int tile = first / LANES, tiles = (last + LANES - 1) / LANES;
    if constexpr (SCORE_TILES == 4)
        for (; tile + 4 <= tiles; tile += 4) scores<T, QN, SCORE_TILES>(q, keys, at.fetch ? values : nullptr, size, weights, tile);
    for (; tile < tiles; ++tile) scores<T, QN, 1>(q, keys, at.fetch ? values : nullptr, size, weights, tile);
    for (int t = 0; t < first / LANES; ++t)
        for (int i = 0; i < QN; ++i) store(weights[i] + t * LANES, zero());
    float fade[QN];
    bool all = true;
    for (int i = 0; i < QN; ++i) all = all && spans[i].from == 0 && spans[i].to == CHUNK;
    if (all) soften<QN, true>(weights, spans, CHUNK_TILES, running, fade);
    else soften<QN, false>(weights, spans, tiles, running, fade);
    int d = 0;
    const T* const* next = at.more ? at.next : nullptr;
    if constexpr (VALUE_PARTS == 4)
        for (; d + 4 * LANES <= size; d += 4 * LANES) gather<T, QN, VALUE_PARTS>(weights, fade, values, next, size, d, first, last, out);
    for (; d < size; d += LANES) gather<T, QN, 1>(weights, fade, values, next, size, d, first, last, out);
}

template <class T, int QN, class... Rest> static void chunk_of(int n, Rest&&... rest) {
    if constexpr (QN > 0) {
        if (n == QN) chunk<T, QN>(rest...);
        else chunk_of<T, QN - 1>(n, rest...);
    }
}

template <class T> static void attend_to(const Attention& a) {
    const int size = a.head_size, queries = a.rows * a.group;
    float* sums = a.scratch;
    Running* running = (Running*)(a.scratch + size_t(queries) * size);
    for (int i = 0; i < queries * size; ++i) sums[i] = 0;
    for (int i = 0; i < queries; ++i) {
        running[i].peak = -1e30f;
        for (int lane = 0; lane < LANES; ++lane) running[i].sums[lane] = 0;
    }
    const int last = a.positions[a.rows - 1];
    const int begin = a.window > 0 && a.positions[0] >= a.window ? a.positions[0] - a.window + 1 : 0;
    const long tile_size = long(LANES) * size, tiles_a_block = a.block_size / LANES;
    auto place = [&](long tile, long head) {
        return long(a.table[tile / tiles_a_block]) * a.stride + (head * tiles_a_block + tile % tiles_a_block) * tile_size;
    };
    Chunk<T> at{};
    for (int start = begin / CHUNK * CHUNK; start <= last; start += CHUNK) {
        // values are fetched while keys are used, and the next keys while values are
        const bool further = start + CHUNK <= last;
        const int following = further ? start + CHUNK : begin / CHUNK * CHUNK, head = further ? a.head : a.next;
        at.fetch = true;
        at.more = head >= 0;
        for (int t = 0; t < CHUNK_TILES; ++t) {
            const int position = start + t * LANES, later = following + t * LANES;
            const long here = place((position <= last ? position : last) / LANES, a.head);
            at.keys[t] = (const T*)a.keys + here;
            at.values[t] = (const T*)a.values + here;
            if (at.more) at.next[t] = (const T*)a.keys + place((later <= last ? later : last) / LANES, head);
        }
        for (int i = 0; i < queries; i += QUERIES) {
            const int n = queries - i < QUERIES ? queries - i : QUERIES;
            const float* q[QUERIES];
            float* out[QUERIES];
            Span spans[QUERIES];
            int first = CHUNK, end = 0;
            for (int j = 0; j < n; ++j) {
                int row = (i + j) / a.group, head = (i + j) % a.group, position = a.positions[row];
                q[j] = a.q + row * a.ldq + head * size;
                out[j] = sums + size_t(i + j) * size;
                int from = a.window > 0 && position - a.window + 1 > start ? position - a.window + 1 - start : 0;
                int to = position - start + 1 < CHUNK ? position - start + 1 : CHUNK;
                spans[j] = {from, to};
                if (from < to) {
                    first = from < first ? from : first;
                    end = to > end ? to : end;
                }
            }
            if (first >= end) continue;
            chunk_of<T, QUERIES>(n, q, out, spans, running + i, at, size, first, end);
            at.fetch = at.more = false;  // for the first queries only
        }
    }
    for (int i = 0; i < queries; ++i) {
        F scale = set(1.0f / total(load(running[i].sums)));
        float* out = a.out + (i / a.group) * a.ldo + (i % a.group) * size;
        for (int d = 0; d < size; d += LANES) store(out + d, mul(load(sums + size_t(i) * size + d), scale));
    }
}

static void attend(const Attention& a) {
    if (a.half) attend_to<uint16_t>(a);
    else attend_to<float>(a);
}

}  // namespace jackfield::JACKFIELD_SET
