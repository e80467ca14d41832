// Sixteen floats or ints at once, with AVX-512 (F, BW, DQ, VL, VNNI).
#pragma once

namespace jackfield::JACKFIELD_SET {

#define INLINE static inline __attribute__((always_inline))

using F = __m512;
using I = __m512i;

constexpr int TILE_PANELS = 2;     // panels that a tile of the linear kernels spans
constexpr int TILE_ROWS = 8;       // rows of such a tile
constexpr int BLOCKED_TILE = 8;   // rows of a tile where weights are in the first cache
constexpr int INTEGER_ROWS = 6;
constexpr int QUERIES = 6;         // queries that share a read of keys or values
constexpr int SCORE_TILES = 4;     // of 16 positions
constexpr int VALUE_PARTS = 4;     // of 16 dimensions
constexpr bool PAIRS = false;      // whether the integer kernels read activations as pairs of int16

INLINE F zero() { return _mm512_setzero_ps(); }
INLINE F set(float x) { return _mm512_set1_ps(x); }
INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x); }
INLINE F half(const uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p)); }
INLINE void store_half(uint16_t* p, F x) {
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
INLINE F brain(const uint16_t* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16));
}
INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
INLINE F divide(F a, F b) { return _mm512_div_ps(a, b); }
INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
INLINE F most(F a, F b) { return _mm512_max_ps(a, b); }
INLINE F least(F a, F b) { return _mm512_min_ps(a, b); }
INLINE F magnitude(F a) { return _mm512_abs_ps(a); }
INLINE F rounded(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// x times 2 to the power of the whole number n, |n| < 127
INLINE F scaled(F x, F n) {
    return _mm512_mul_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23)));
}
// lanes [from, to) of x, `other` in the rest; 0 <= from, to <= 16
INLINE F kept(F x, int from, int to, F other) {
    __mmask16 mask = (__mmask16)(((1u << to) - 1) & ~((1u << from) - 1));
    return _mm512_mask_mov_ps(other, mask, x);
}

INLINE I words(const uint8_t* p) { return _mm512_loadu_si512(p); }
INLINE I no_words() { return _mm512_setzero_si512(); }
INLINE F converted(I a) { return _mm512_cvtepi32_ps(a); }
template <int J> INLINE F code8(I word) {  // the J-th byte of each lane
    if constexpr (J == 0) return converted(_mm512_and_si512(word, _mm512_set1_epi32(255)));
    if constexpr (J == 3) return converted(_mm512_srli_epi32(word, 24));
    return converted(_mm512_and_si512(_mm512_srli_epi32(word, 8 * (J & 3)), _mm512_set1_epi32(255)));
}
template <int J> INLINE F code4(I word) {  // inputs 0..3: low halves of the bytes; 4..7: high halves
    const F table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    constexpr int by = J < 4 ? 8 * J : 8 * (J - 4) + 4;
    if constexpr (by == 0) return _mm512_permutexvar_ps(word, table);
    return _mm512_permutexvar_ps(_mm512_srli_epi32(word, by), table);
}
INLINE I low_codes(I word) { return _mm512_and_si512(word, _mm512_set1_epi8(15)); }
INLINE I high_codes(I word) { return _mm512_and_si512(_mm512_srli_epi32(word, 4), _mm512_set1_epi8(15)); }

INLINE I four(const int8_t* a) {
    int32_t bits;
    __builtin_memcpy(&bits, a, 4);
    return _mm512_set1_epi32(bits);
}
// Four activations for every lane, and: sum += their products with four codes a lane.
using A4 = I;
using A8 = I;
INLINE A4 inputs4(const int8_t* a) { return four(a); }
INLINE A8 inputs8(const int8_t* a, const int16_t*) { return four(a); }
// Assembly, since GCC 12 copies the sum before every one of these.
INLINE I dot4(I sum, I codes, A4 a) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(a));
    return sum;
}
INLINE I dot8(I sum, I codes, A8 a) { return dot4(sum, codes, a); }
INLINE I finish4(I sum, I start) { return _mm512_add_epi32(sum, start); }
INLINE I whole(int b) { return _mm512_set1_epi32(b); }

// lanes i and i + 8, put together
INLINE __m256 folded_sum(F x) { return _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)); }
INLINE __m256 folded_most(F x) { return _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)); }

// 16 whole floats within -127..127 as int8
INLINE void store_bytes(int8_t* p, F x) {
    _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

}  // namespace jackfield::JACKFIELD_SET
