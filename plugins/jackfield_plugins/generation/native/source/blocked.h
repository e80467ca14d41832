// Products for more rows than a tile has: a stretch of a pair's weights at a time, for all rows, so that they stay in the
// first cache, while the next stretch is fetched, if it is of fp32. Sums are those of `tile`, bit for bit.
#pragma once

namespace jackfield::JACKFIELD_SET {

constexpr int BLOCKED_ROWS = 256;
constexpr int WORD = 8;                       // inputs of both panels that lie together, as in a pair of floats
constexpr int WORD_FLOATS = 2 * WORD * LANES;

// totals[M][2 * 16] += sums over the stretch's inputs of weights [word][panel][WORD][16] times x.
template <int NP, int M>
static __attribute__((noinline)) void stretch_tile(const float* weights, int depth, const float* x, long ldx, float* totals,
                                                   Meanwhile meanwhile) {
    Strided<float, M> inputs(x, ldx * long(sizeof(float)));
    F sum[NP][M];
#pragma GCC unroll 16
    for (int n = 0; n < NP; ++n)
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) sum[n][m] = zero();
    for (int from = 0; from < depth; from += WORD) {
        inputs.here();
        meanwhile.turn(depth / WORD);
        unrolled(upto<WORD>{}, [&](auto j) __attribute__((always_inline)) {
            F value[NP];
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) value[n] = load(weights + n * WORD * LANES + decltype(j)::value * LANES);
#pragma GCC unroll 16
            for (int m = 0; m < M; ++m) {
                F input = set(inputs.of(m)[decltype(j)::value]);
#pragma GCC unroll 16
                for (int n = 0; n < NP; ++n) sum[n][m] = fma(value[n], input, sum[n][m]);
            }
        });
        inputs.skip(WORD);
        weights += WORD_FLOATS;
    }
    meanwhile.end();
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n) {
            float* place = totals + m * 2 * LANES + n * LANES;
            store(place, add(load(place), sum[n][m]));
        }
}

template <int NP, int M>
static void stretch_rows(int rows, const float* weights, int inputs, const float* x, long ldx, float* totals,
                         Meanwhile meanwhile) {
    if constexpr (M > 0) {
        if (rows == M)
            stretch_tile<NP, M>(weights, inputs, x, ldx, totals, meanwhile);
        else
            stretch_rows<NP, M - 1>(rows, weights, inputs, x, ldx, totals, meanwhile);
    }
}

// A stretch of one panel as floats: the values that the reader gives, so the sums are the same bits.
template <class Reader> static void expand(Reader& reader, int groups, int group, float* out) {
    for (int g = 0, input = 0; g < groups; ++g) {
        reader.group();
        for (int s = 0; s < group / Reader::wide; ++s, input += Reader::wide) {
            float* to = out + input / WORD * WORD_FLOATS + input % WORD * LANES;
            reader.template word<false>();
            unrolled(upto<Reader::wide>{}, [&](auto j) __attribute__((always_inline)) {
                store(to + decltype(j)::value * LANES, reader.template value<decltype(j)::value>());
            });
        }
    }
}

// One pair of panels for `rows` rows from `row` on; `next`: weights that this thread goes on with, or null.
template <class Reader> static void blocked(const Product& p, int panel, int row, int rows, const uint8_t* next) {
    constexpr bool floats = std::is_same_v<Reader, Full>;
    constexpr size_t lines = STRETCH / WORD * WORD_FLOATS * sizeof(float) / 64;
    const Panels& w = *p.weight;
    float* stretch = p.scratch;
    float* totals = stretch + STRETCH / WORD * WORD_FLOATS;
    for (int i = 0; i < rows * 2; ++i) store(totals + i * LANES, zero());
    Reader reader[2];
    for (int n = 0; n < 2; ++n) reader[n].open(w, panel + n);
    const int tiles = (rows + BLOCKED_TILE - 1) / BLOCKED_TILE;
    for (int from = 0; from < w.depth; from += STRETCH) {
        const int inputs = w.depth - from < STRETCH ? w.depth - from : STRETCH;
        const float* weights = stretch;
        const uint8_t* then = nullptr;
        if constexpr (floats) {
            weights = (const float*)w.pair_of(panel) + from / WORD * WORD_FLOATS;
            then = from + inputs < w.depth ? (const uint8_t*)(weights + inputs / WORD * WORD_FLOATS) : next;
        } else {
            for (int n = 0; n < 2; ++n) expand(reader[n], inputs / w.group, w.group, stretch + n * WORD * LANES);
        }
        for (int t = 0, at = 0; t < tiles; ++t) {
            const int height = rows / tiles + (t < rows % tiles);
            const float* x = p.x + (row + at) * p.ldx + from;
            for (int n = 0; n < 2; n += TILE_PANELS) {
                const Meanwhile meanwhile(n == 0 ? share_of(then, lines, t, tiles) : Share{}, p.ahead,
                                          inputs * height * TILE_PANELS * LANES, inputs / WORD);
                stretch_rows<TILE_PANELS, BLOCKED_TILE>(height, weights + n * WORD * LANES, inputs, x, p.ldx,
                                                        totals + (at * 2 + n) * LANES, meanwhile);
            }
            at += height;
        }
    }
    for (int i = 0; i < rows; ++i) {
        const F whole[2][1] = {{load(totals + i * 2 * LANES)}, {load(totals + (i * 2 + 1) * LANES)}};
        finish<2, 1>(p, panel, row + i, whole);
    }
}

}  // namespace jackfield::JACKFIELD_SET
