// Products for as many rows as a tile has: weights are read once, from memory.
#pragma once

namespace jackfield::JACKFIELD_SET {

template <int NP, int M>
INLINE void finish(const Product& p, int panel, int row, const F (&sum)[NP][M]) {
    for (int n = 0; n < NP; ++n) {
        long column = long(panel + n) * LANES;
        F bias = p.bias ? load(p.bias + column) : zero();
        for (int m = 0; m < M; ++m) {
            float* y = p.y + (row + m - p.from) * p.ldy + (column - long(p.first) * LANES);
            F value = add(sum[n][m], bias);
            store(y, p.add ? add(load(y), value) : value);
        }
    }
}

template <class Reader, int NP, int M>
static __attribute__((noinline)) void tile(const Product& p, const Panels& w, int panel, int row,
                                           Meanwhile meanwhile = {{}, nullptr, 0, 1}) {
    Reader reader[NP];
    F sum[NP][M], whole[NP][M];
#pragma GCC unroll 16
    for (int n = 0; n < NP; ++n) {
        reader[n].open(w, panel + n);
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) whole[n][m] = zero();
    }
    const float* x = p.x + row * p.ldx;
    const long ldx = p.ldx;
    const int groups = w.depth / w.group, steps = w.group / Reader::wide, stretch = STRETCH / w.group;
    for (int from = 0; from < groups; from += stretch) {
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n)
#pragma GCC unroll 16
            for (int m = 0; m < M; ++m) sum[n][m] = zero();
        for (int g = from; g < groups && g < from + stretch; ++g) {
            meanwhile.turn(groups);
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) reader[n].group();
            for (int s = 0; s < steps; ++s) {
#pragma GCC unroll 16
                for (int n = 0; n < NP; ++n) reader[n].template word<(M > 1)>();
                unrolled(upto<Reader::wide>{}, [&](auto j) __attribute__((always_inline)) {
                    F value[NP];
#pragma GCC unroll 16
                    for (int n = 0; n < NP; ++n) value[n] = reader[n].template value<decltype(j)::value>();
#pragma GCC unroll 16
                    for (int m = 0; m < M; ++m) {
                        F input = set(x[m * ldx + decltype(j)::value]);
#pragma GCC unroll 16
                        for (int n = 0; n < NP; ++n) sum[n][m] = fma(value[n], input, sum[n][m]);
                    }
                });
                x += Reader::wide;
            }
        }
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n)
#pragma GCC unroll 16
            for (int m = 0; m < M; ++m) whole[n][m] = add(whole[n][m], sum[n][m]);
    }
    meanwhile.end();
    finish<NP, M>(p, panel, row, whole);
}

template <class Reader, int NP, int M>
static void rows_of(const Product& p, const Panels& w, int panel, int rows) {
    if constexpr (M > 0) {
        if (rows == M)
            tile<Reader, NP, M>(p, w, panel, p.from, {{}, p.ahead, w.depth * M * NP * LANES, w.depth / w.group});
        else
            rows_of<Reader, NP, M - 1>(p, w, panel, rows);
    }
}

}  // namespace jackfield::JACKFIELD_SET
