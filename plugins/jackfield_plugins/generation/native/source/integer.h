// Matrix products of weight codes with activations in 8 bits. Sums of a group are whole numbers, hence exact; groups
// are added in fp32 in ascending order: the same bits in any company.
#pragma once

namespace jackfield::JACKFIELD_SET {

template <int BITS, int NP, int M>
static __attribute__((noinline)) void integer_tile(const Product& p, int panel, int row) {
    const Panels& w = *p.weight;
    const Quantised& q = *p.q;
    const int depth = w.depth, group = w.group, groups = depth / group, steps = group / (BITS == 4 ? 8 : 4);
    const bool narrow = group == 16, offsets = w.offsets;
    const uint8_t* codes[NP];
    Scales scales[NP];
    F sum[NP][M];
#pragma GCC unroll 16
    for (int n = 0; n < NP; ++n) {
        codes[n] = w.codes + size_t(panel + n) * w.panel_bytes;
        scales[n].open(w, size_t(panel + n));
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) sum[n][m] = zero();
    }
    const int8_t* a = q.codes + size_t(row) * depth;
    const int16_t* pairs = PAIRS ? q.pairs + size_t(row) * depth : nullptr;
    const float* steps_at = q.steps + size_t(row) * (depth / 32);
    const int32_t* sums = (narrow ? q.halves : q.sums) + size_t(row) * groups;
    for (int g = 0; g < groups; ++g) {
        I dot[NP][M];
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n)
#pragma GCC unroll 16
            for (int m = 0; m < M; ++m) dot[n][m] = no_words();
        for (int s = 0; s < steps; ++s) {
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) {
                I word = words(codes[n]);
                codes[n] += 64;
                if constexpr (BITS == 4) {
                    I low = low_codes(word), high = high_codes(word);
#pragma GCC unroll 16
                    for (int m = 0; m < M; ++m) dot[n][m] = dot4(dot[n][m], low, a + m * depth);
#pragma GCC unroll 16
                    for (int m = 0; m < M; ++m) dot[n][m] = dot4(dot[n][m], high, a + m * depth + 4);
                } else {
#pragma GCC unroll 16
                    for (int m = 0; m < M; ++m) dot[n][m] = dot8(dot[n][m], word, a + m * depth, pairs + (PAIRS ? m * depth : 0));
                }
            }
            a += BITS == 4 ? 8 : 4;
            if (PAIRS) pairs += BITS == 4 ? 8 : 4;
        }
        F scale[NP], offset[NP];
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n) {
            scale[n] = scales[n].scales(g);
            offset[n] = offsets ? scales[n].minima(g, scale[n]) : zero();
        }
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) {
            float step = steps_at[m * (depth / 32) + (narrow ? g / 2 : g)];
            int32_t total = sums[m * groups + g];
            F wide = set(step);
            F lifted = set(step * float(total));
            int32_t lift = total << w.shift;
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) {
                I value = BITS == 4 ? finish4(dot[n][m]) : dot[n][m];
                if (offsets)
                    sum[n][m] = fma(offset[n], lifted, sum[n][m]);
                else
                    value = minus(value, lift);
                sum[n][m] = fma(mul(scale[n], wide), converted(value), sum[n][m]);
            }
        }
    }
    finish<NP, M>(p, panel, row, sum);
}

template <int BITS, int NP, int M>
static void integer_rows(const Product& p, int panel, int row, int rows) {
    if constexpr (M > 0) {
        if (rows == M)
            integer_tile<BITS, NP, M>(p, panel, row);
        else
            integer_rows<BITS, NP, M - 1>(p, panel, row, rows);
    }
}

template <int BITS> static void integer_product(const Product& p) {
    const int end = p.first + p.count;
    if (p.rows == 1) {
        int panel = p.first;
        for (; panel + 4 <= end; panel += 4) integer_tile<BITS, 4, 1>(p, panel, 0);
        for (; panel < end; panel += 2) integer_tile<BITS, 2, 1>(p, panel, 0);
        return;
    }
    int tiles = (p.rows + INTEGER_ROWS - 1) / INTEGER_ROWS;
    for (int panel = p.first; panel < end; panel += TILE_PANELS) {
        for (int t = 0, row = 0; t < tiles; ++t) {
            int height = p.rows / tiles + (t < p.rows % tiles);
            integer_rows<BITS, TILE_PANELS, INTEGER_ROWS>(p, panel, row, height);
            row += height;
        }
    }
}

static void integer(const Product& p) {
    if (p.rows <= 0) return;
    if (p.weight->kind == CODES4)
        integer_product<4>(p);
    else
        integer_product<8>(p);
}

}  // namespace jackfield::JACKFIELD_SET
