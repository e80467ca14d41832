// Sixteen floats or ints at once, as two registers of AVX2 (with FMA and F16C).
#pragma once

namespace jackfield::JACKFIELD_SET {

#define INLINE static inline __attribute__((always_inline))

struct F { __m256 a, b; };
struct I { __m256i a, b; };

constexpr int TILE_PANELS = 1;
constexpr int TILE_ROWS = 5;
constexpr int BLOCKED_TILE = 5;   // rows of a tile where weights are in the first cache
constexpr int INTEGER_ROWS = 2;
constexpr int QUERIES = 4;
constexpr int SCORE_TILES = 1;
constexpr int VALUE_PARTS = 1;
constexpr bool PAIRS = true;

INLINE F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
INLINE F set(float x) { __m256 v = _mm256_set1_ps(x); return {v, v}; }
INLINE F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x.a); _mm256_storeu_ps(p + 8, x.b); }
INLINE F half(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(p + 8)))};
}
INLINE void store_half(uint16_t* p, F x) {
    _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm_storeu_si128((__m128i*)(p + 8), _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
INLINE __m256 brain8(const uint16_t* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
}
INLINE F brain(const uint16_t* p) { return {brain8(p), brain8(p + 8)}; }
INLINE F add(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
INLINE F sub(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
INLINE F mul(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
INLINE F divide(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
INLINE F fma(F x, F y, F z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
INLINE F most(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
INLINE F least(F x, F y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
INLINE F magnitude(F x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
INLINE F rounded(F x) {
    return {_mm256_round_ps(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
            _mm256_round_ps(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
INLINE __m256 power8(__m256 n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
INLINE F scaled(F x, F n) { return {_mm256_mul_ps(x.a, power8(n.a)), _mm256_mul_ps(x.b, power8(n.b))}; }
INLINE __m256 kept8(__m256 x, int from, int to, __m256 other) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i mask = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(from), lane),
                                       _mm256_cmpgt_epi32(_mm256_set1_epi32(to), lane));
    return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(mask));
}
INLINE F kept(F x, int from, int to, F other) {
    return {kept8(x.a, from, to, other.a), kept8(x.b, from - 8, to - 8, other.b)};
}

INLINE I words(const uint8_t* p) {
    return {_mm256_loadu_si256((const __m256i*)p), _mm256_loadu_si256((const __m256i*)(p + 32))};
}
INLINE I no_words() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
INLINE F converted(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
template <int BY> INLINE I shifted(I x, int mask) {
    __m256i m = _mm256_set1_epi32(mask);
    if constexpr (BY == 0) return {_mm256_and_si256(x.a, m), _mm256_and_si256(x.b, m)};
    return {_mm256_and_si256(_mm256_srli_epi32(x.a, BY), m), _mm256_and_si256(_mm256_srli_epi32(x.b, BY), m)};
}
template <int J> INLINE F code8(I word) { return converted(shifted<8 * (J & 3)>(word, 255)); }
template <int J> INLINE F code4(I word) {
    constexpr int by = J < 4 ? 8 * J : 8 * (J - 4) + 4;
    return converted(shifted<by>(word, 15));
}
INLINE I low_codes(I x) {
    __m256i m = _mm256_set1_epi8(15);
    return {_mm256_and_si256(x.a, m), _mm256_and_si256(x.b, m)};
}
INLINE I high_codes(I x) {
    __m256i m = _mm256_set1_epi8(15);
    return {_mm256_and_si256(_mm256_srli_epi32(x.a, 4), m), _mm256_and_si256(_mm256_srli_epi32(x.b, 4), m)};
}

// 4-bit codes: the products of a group of 32 stay within int16 (8 sums of 2 * 15 * 127), so they are summed there.
using A4 = __m256i;
INLINE A4 inputs4(const int8_t* a) {
    int32_t bits;
    __builtin_memcpy(&bits, a, 4);
    return _mm256_set1_epi32(bits);
}
INLINE I dot4(I sum, I codes, A4 a) {
    return {_mm256_add_epi16(sum.a, _mm256_maddubs_epi16(codes.a, a)), _mm256_add_epi16(sum.b, _mm256_maddubs_epi16(codes.b, a))};
}
INLINE I finish4(I sum, I start) {
    __m256i one = _mm256_set1_epi16(1);
    return {_mm256_add_epi32(_mm256_madd_epi16(sum.a, one), start.a), _mm256_add_epi32(_mm256_madd_epi16(sum.b, one), start.b)};
}
// 8-bit codes would leave int16: they are widened, even and odd inputs apart, as `pairs` holds the activations.
struct A8 { __m256i even, odd; };
INLINE A8 inputs8(const int8_t*, const int16_t* pairs) {
    int32_t bits[2];
    __builtin_memcpy(bits, pairs, 8);
    return {_mm256_set1_epi32(bits[0]), _mm256_set1_epi32(bits[1])};
}
INLINE __m256i dot8_half(__m256i sum, __m256i codes, A8 a) {
    __m256i even = _mm256_madd_epi16(_mm256_and_si256(codes, _mm256_set1_epi16(255)), a.even);
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), a.odd)));
}
INLINE I dot8(I sum, I codes, A8 a) { return {dot8_half(sum.a, codes.a, a), dot8_half(sum.b, codes.b, a)}; }
INLINE I whole(int y) {
    __m256i v = _mm256_set1_epi32(y);
    return {v, v};
}

// lanes i and i + 8, put together
INLINE __m256 folded_sum(F x) { return _mm256_add_ps(x.a, x.b); }
INLINE __m256 folded_most(F x) { return _mm256_max_ps(x.a, x.b); }

INLINE void store_bytes(int8_t* p, F x) {
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)), 0xd8);
    _mm_storeu_si128((__m128i*)p, _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

}  // namespace jackfield::JACKFIELD_SET
