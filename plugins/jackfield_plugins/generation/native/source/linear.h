// Matrix products in fp32 over weights in any storage.
//
// The sum of an output runs over the inputs in ascending order in one accumulator, which every 128 inputs is added to a
// total (long sums lose less that way), whatever the number of rows: a row's result is the same bits in any company.
// Lanes are outputs, tiles are panels times rows.
#pragma once

namespace jackfield::JACKFIELD_SET {

#define MEMBER inline __attribute__((always_inline))

constexpr int STRETCH = 128;  // inputs; a multiple of every group

template <int... J, class Function>
INLINE void unrolled(std::integer_sequence<int, J...>, Function&& function) {
    (function(std::integral_constant<int, J>{}), ...);
}
template <int N> using upto = std::make_integer_sequence<int, N>;

// Readers: how a storage gives the weights of 16 outputs for one input after the other.
struct Full {
    static constexpr int wide = 8;  // inputs a word
    const uint8_t* block;
    size_t block_bytes;
    const float* at;
    void open(const Panels& w, int panel) {
        block = w.pair_of(panel) + w.codes_at(panel);
        block_bytes = w.block_bytes;
    }
    MEMBER void group() {
        at = (const float*)block;
        block += block_bytes;
    }
    template <bool FAR> MEMBER void word() {
        constexpr int ahead = FAR ? FULL_AHEAD : AHEAD;
#pragma GCC unroll 16
        for (int line = 0; line < wide; ++line) fetch_to<FAR>((const char*)at + ahead + 64 * line);
        at += wide * LANES;
    }
    template <int J> MEMBER F value() const { return load(at + (J - wide) * LANES); }
};

template <bool BFLOAT> struct Sixteen {
    static constexpr int wide = 8;
    const uint8_t* block;
    size_t block_bytes;
    const uint16_t* at;
    void open(const Panels& w, int panel) {
        block = w.pair_of(panel) + w.codes_at(panel);
        block_bytes = w.block_bytes;
    }
    MEMBER void group() {
        at = (const uint16_t*)block;
        block += block_bytes;
    }
    template <bool FAR> MEMBER void word() {
#pragma GCC unroll 16
        for (int line = 0; line < wide / 2; ++line) fetch_to<FAR>((const char*)at + AHEAD + 64 * line);
        at += wide * LANES;
    }
    template <int J> MEMBER F value() const {
        return BFLOAT ? brain(at + (J - wide) * LANES) : half(at + (J - wide) * LANES);
    }
};

// A panel's codes, scale and offset, group after group.
struct Blocks {
    const uint8_t *block, *codes;
    size_t block_bytes, scale_at, offset_at, codes_at;
    float zero;
    bool half_numbers, offsets;
    F scale, offset;
    void open(const Panels& w, int panel) {
        block = w.pair_of(panel);
        block_bytes = w.block_bytes;
        scale_at = w.scale_at(panel);
        offset_at = w.offset_at(panel);
        codes_at = w.codes_at(panel);
        zero = -w.zero;
        half_numbers = w.half;
        offsets = w.offsets;
    }
    MEMBER F number(size_t at) const {
        return half_numbers ? half((const uint16_t*)(block + at)) : load((const float*)(block + at));
    }
    MEMBER void numbers() {
        scale = number(scale_at);
        offset = offsets ? number(offset_at) : mul(set(zero), scale);
    }
    MEMBER void begin() { codes = block + codes_at; }
    MEMBER void end() { block += block_bytes; }
};

template <int BITS> struct Coded {
    static constexpr int wide = BITS == 4 ? 8 : 4;
    Blocks of;
    I raw;
    void open(const Panels& w, int panel) { of.open(w, panel); }
    MEMBER void group() {
        of.begin();
        of.numbers();
        of.end();
    }
    template <bool FAR> MEMBER void word() {
        raw = words(of.codes);
        fetch(of.codes + AHEAD / 2);
        of.codes += 64;
    }
    template <int J> MEMBER F value() const {
        if constexpr (BITS == 4) return fma(code4<J>(raw), of.scale, of.offset);
        return fma(code8<J>(raw), of.scale, of.offset);
    }
};

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
static __attribute__((noinline)) void tile(const Product& p, const Panels& w, int panel, int column, int row) {
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
    finish<NP, M>(p, column, row, whole);
}

// `panel` counts in `w`, `column` in the output: they differ where `w` is the scratch.
template <class Reader, int NP, int M>
static void rows_of(const Product& p, const Panels& w, int panel, int column, int row, int rows) {
    if constexpr (M > 0) {
        if (rows == M)
            tile<Reader, NP, M>(p, w, panel, column, row);
        else
            rows_of<Reader, NP, M - 1>(p, w, panel, column, row, rows);
    }
}

template <class Reader>
static void all_rows(const Product& p, const Panels& w, int panel, int column, int count) {
    // tiles of nearly equal height: a tile of one row costs almost as much as one of four
    int tiles = (p.rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int t = 0, row = p.from; t < tiles; ++t) {
        int height = p.rows / tiles + (t < p.rows % tiles);
        for (int n = 0; n < count; n += TILE_PANELS)
            rows_of<Reader, TILE_PANELS, TILE_ROWS>(p, w, panel + n, column + n, row, height);
        row += height;
    }
}

// A pair of panels as floats, in a pair's layout: the values that the readers give, so the sums are the same bits.
template <class Reader> static Panels expand(const Panels& w, int panel, float* out) {
    Panels full{};
    full.kind = FULL;
    full.depth = w.depth;
    full.group = w.group;
    full.data = (const uint8_t*)out;
    full.codes = size_t(w.group) * LANES * sizeof(float);
    full.block_bytes = 2 * full.codes;
    for (int n = 0; n < 2; ++n) {
        Reader reader;
        reader.open(w, panel + n);
        for (int g = 0; g < w.depth / w.group; ++g) {
            reader.group();
            float* to = out + size_t(2 * g + n) * w.group * LANES;
            for (int s = 0; s < w.group / Reader::wide; ++s, to += Reader::wide * LANES) {
                reader.template word<false>();
                unrolled(upto<Reader::wide>{}, [&](auto j) __attribute__((always_inline)) {
                    store(to + decltype(j)::value * LANES, reader.template value<decltype(j)::value>());
                });
            }
        }
    }
    return full;
}

template <class Reader> static void product(const Product& p) {
    const Panels& w = *p.weight;
    const int end = p.first + p.count;
    if (p.rows == 1) {
        int panel = p.first;
        for (; panel + 4 <= end; panel += 4) tile<Reader, 4, 1>(p, w, panel, panel, p.from);
        for (; panel < end; panel += 2) tile<Reader, 2, 1>(p, w, panel, panel, p.from);
        return;
    }
    const bool direct = std::is_same_v<Reader, Full> || p.rows <= TILE_ROWS;
    for (int panel = p.first; panel < end; panel += 2) {
        if (direct) {
            all_rows<Reader>(p, w, panel, panel, 2);
        } else {
            Panels full = expand<Reader>(w, panel, p.scratch);
            all_rows<Full>(p, full, 0, panel, 2);
        }
    }
}

// first and count are even
static void linear(const Product& p) {
    if (p.rows <= 0) return;
    switch (p.weight->kind) {
        case FULL: product<Full>(p); break;
        case HALF: product<Sixteen<false>>(p); break;
        case BRAIN: product<Sixteen<true>>(p); break;
        case CODES8: product<Coded<8>>(p); break;
        case CODES4: product<Coded<4>>(p); break;
    }
}

}  // namespace jackfield::JACKFIELD_SET
