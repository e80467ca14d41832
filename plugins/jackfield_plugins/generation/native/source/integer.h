// Matrix products of weight codes with activations in 8 bits. Sums of a group are whole numbers, hence exact; groups
// are added in fp32 in ascending order: the same bits in any company.
#pragma once

namespace jackfield::JACKFIELD_SET {

// sum of a group += codes of one word a panel * activations of M rows
template <int BITS, int NP, int M>
INLINE void word_products(Blocks (&blocks)[NP], const Strided<int8_t, M>& a, const int16_t* pairs, int depth, I (&dot)[NP][M]) {
    I low[NP], high[NP];
#pragma GCC unroll 16
    for (int n = 0; n < NP; ++n) {
        I word = words(blocks[n].codes);
        if (M <= 2) fetch_far(blocks[n].codes + AHEAD);
        blocks[n].codes += 64;
        low[n] = BITS == 4 ? low_codes(word) : word;
        if (BITS == 4) high[n] = high_codes(word);
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
        if constexpr (BITS == 4) {
            A4 first = inputs4(a.of(m)), second = inputs4(a.of(m) + 4);
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) dot[n][m] = dot4(dot4(dot[n][m], low[n], first), high[n], second);
        } else {
            A8 inputs = inputs8(a.of(m), PAIRS ? pairs + m * depth : nullptr);
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) dot[n][m] = dot8(dot[n][m], low[n], inputs);
        }
    }
}

template <int BITS, bool OFFSETS, int GROUP, int NP, int M>
static __attribute__((noinline)) void integer_tile(const Product& p, int panel, int row, Meanwhile meanwhile) {
    const Panels& w = *p.weight;
    const Quantised& q = *p.q;
    constexpr int steps = GROUP / (BITS == 4 ? 8 : 4);
    const int depth = w.depth, groups = depth / GROUP;
    Blocks blocks[NP];
    F sum[NP][M];
#pragma GCC unroll 16
    for (int n = 0; n < NP; ++n) {
        blocks[n].open(w, panel + n);
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) sum[n][m] = zero();
    }
    Strided<int8_t, M> a(q.codes + size_t(row) * depth, depth);
    const int16_t* pairs = PAIRS ? q.pairs + size_t(row) * depth : nullptr;
    Strided<Sums, M> sums((GROUP == 16 ? q.narrow : q.wide) + size_t(row) * groups, groups * long(sizeof(Sums)));
    auto lowered = [&](int m) { return BITS == 4 ? sums.of(m)->lowered4 : sums.of(m)->lowered8; };
    for (int g = 0; g < groups; ++g) {
        meanwhile.turn(groups);
        sums.here();
        I dot[NP][M];
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n) blocks[n].begin();
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n)
                dot[n][m] = OFFSETS || BITS == 4 ? no_words() : whole(lowered(m));
#pragma GCC unroll 8
        for (int s = 0; s < steps; ++s) {
            a.here();
            word_products<BITS, NP, M>(blocks, a, pairs, depth, dot);
            a.skip(BITS == 4 ? 8 : 4);
            if (PAIRS) pairs += BITS == 4 ? 8 : 4;
        }
#pragma GCC unroll 16
        for (int n = 0; n < NP; ++n) {
            blocks[n].numbers();
            blocks[n].end();
        }
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) {
            F width = set(sums.of(m)->step), lift = OFFSETS ? set(sums.of(m)->lift) : zero();
            I start = OFFSETS ? no_words() : whole(lowered(m));
#pragma GCC unroll 16
            for (int n = 0; n < NP; ++n) {
                I value = BITS == 4 ? finish4(dot[n][m], start) : dot[n][m];
                if (OFFSETS) sum[n][m] = fma(blocks[n].offset, lift, sum[n][m]);
                sum[n][m] = fma(mul(converted(value), width), blocks[n].scale, sum[n][m]);
            }
        }
        sums.skip(1);
    }
    meanwhile.end();
    finish<NP, M>(p, panel, row, sum);
}

template <int BITS, bool OFFSETS, int GROUP, int NP, int M>
static void integer_rows(const Product& p, int panel, int row, int rows, Meanwhile meanwhile) {
    if constexpr (M > 0) {
        if (rows == M)
            integer_tile<BITS, OFFSETS, GROUP, NP, M>(p, panel, row, meanwhile);
        else
            integer_rows<BITS, OFFSETS, GROUP, NP, M - 1>(p, panel, row, rows, meanwhile);
    }
}

template <int BITS, bool OFFSETS, int GROUP> static void integer_product(const Product& p) {
    const int end = p.first + p.count;
    if (p.rows == 1) {
        for (int panel = p.first; panel < end; panel += 2) integer_tile<BITS, OFFSETS, GROUP, 2, 1>(p, panel, p.from, {{}, nullptr, 0, 1});
        return;
    }
    int tiles = (p.rows + INTEGER_ROWS - 1) / INTEGER_ROWS;
    for (int panel = p.first; panel < end; panel += TILE_PANELS) {
        for (int t = 0, row = p.from; t < tiles; ++t) {
            int height = p.rows / tiles + (t < p.rows % tiles);
            const int depth = p.weight->depth;
            const Share next = panel % 2 == 0 ? share_of(p.next, p.weight->pair_bytes / LINE, t, tiles) : Share{};
            const Meanwhile meanwhile(next, p.ahead, depth * height * TILE_PANELS * LANES, depth / GROUP);
            integer_rows<BITS, OFFSETS, GROUP, TILE_PANELS, INTEGER_ROWS>(p, panel, row, height, meanwhile);
            row += height;
        }
    }
}

template <int BITS> static void integer_of(const Product& p) {
    const Panels& w = *p.weight;
    if (w.group == 16) w.offsets ? integer_product<BITS, true, 16>(p) : integer_product<BITS, false, 16>(p);
    else w.offsets ? integer_product<BITS, true, 32>(p) : integer_product<BITS, false, 32>(p);
}

static void integer(const Product& p) {
    if (p.rows <= 0) return;
    p.weight->kind == CODES4 ? integer_of<4>(p) : integer_of<8>(p);
}

}  // namespace jackfield::JACKFIELD_SET
