// How a storage gives the weights of 16 outputs for one input after the other.
#pragma once

namespace jackfield::JACKFIELD_SET {

constexpr int STRETCH = 128;  // inputs; a multiple of every group

template <int... J, class Function>
INLINE void unrolled(std::integer_sequence<int, J...>, Function&& function) {
    (function(std::integral_constant<int, J>{}), ...);
}
template <int N> using upto = std::make_integer_sequence<int, N>;

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

}  // namespace jackfield::JACKFIELD_SET
