// Rows of logits with AVX2.
#include "sampling.h"

#include <immintrin.h>

#pragma GCC target("avx2,fma,f16c")
#define JACKFIELD_SET avx2
#include "lanes_avx2.h"

namespace jackfield::JACKFIELD_SET {

constexpr uint64_t UNITS = 0x4078000000000000;  // see sampling_avx512.cpp

struct Wide { __m256i part[4]; };

INLINE int unordered(F x, F y) {
    return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(x.a, y.a, _CMP_UNORD_Q), _mm256_cmp_ps(x.b, y.b, _CMP_UNORD_Q)));
}
// For each set of eight lanes: which they are, one after the other.
struct Lanes {
    alignas(32) int32_t of[256][8] = {};
    constexpr Lanes() {
        for (int set = 0; set < 256; ++set)
            for (int lane = 0, count = 0; lane < 8; ++lane)
                if (set >> lane & 1) of[set][count++] = lane;
    }
};
constexpr Lanes LANES_OF_SET;

using Some = I;  // all bits of the lanes

INLINE Some reaching(F x, F bound) {
    return {_mm256_castps_si256(_mm256_cmp_ps(x.a, bound.a, _CMP_GE_OQ)), _mm256_castps_si256(_mm256_cmp_ps(x.b, bound.b, _CMP_GE_OQ))};
}
INLINE unsigned bits(__m256i some) { return unsigned(_mm256_movemask_ps(_mm256_castsi256_ps(some))); }
INLINE int number(Some some) { return __builtin_popcount(bits(some.a) | bits(some.b) << 8); }
INLINE I numbered(int from) {
    const __m256i first = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(from));
    return {first, _mm256_add_epi32(first, _mm256_set1_epi32(8))};
}
INLINE int packed8(__m256 x, __m256i place, __m256i some, float* logits, int32_t* places) {
    const __m256i lanes = _mm256_load_si256((const __m256i*)LANES_OF_SET.of[bits(some)]);
    _mm256_storeu_ps(logits, _mm256_permutevar8x32_ps(x, lanes));
    _mm256_storeu_si256((__m256i*)places, _mm256_permutevar8x32_epi32(place, lanes));
    return __builtin_popcount(bits(some));
}
// Those lanes one after the other; how many.
INLINE int packed(F x, I place, Some some, float* logits, int32_t* places) {
    const int first = packed8(x.a, place.a, some.a, logits, places);
    return first + packed8(x.b, place.b, some.b, logits + first, places + first);
}
INLINE Wide nothing() {
    const __m256i zero = _mm256_setzero_si256();
    return {{zero, zero, zero, zero}};
}
INLINE __m256i fixed4(__m128 x) { return _mm256_castpd_si256(_mm256_add_pd(_mm256_cvtps_pd(x), _mm256_set1_pd(384.0))); }
INLINE Wide fixed(F x) {
    return {{fixed4(_mm256_castps256_ps128(x.a)), fixed4(_mm256_extractf128_ps(x.a, 1)), fixed4(_mm256_castps256_ps128(x.b)),
             fixed4(_mm256_extractf128_ps(x.b, 1))}};
}
INLINE Wide summed(Wide x, Wide y) {
    for (int i = 0; i < 4; ++i) x.part[i] = _mm256_add_epi64(x.part[i], y.part[i]);
    return x;
}
INLINE Wide summed_of(Some some, Wide x, const int64_t* y) {
    const __m128i four[4] = {_mm256_castsi256_si128(some.a), _mm256_extracti128_si256(some.a, 1), _mm256_castsi256_si128(some.b),
                             _mm256_extracti128_si256(some.b, 1)};
    for (int i = 0; i < 4; ++i) {
        const __m256i weights = _mm256_loadu_si256((const __m256i*)(y + 4 * i));
        x.part[i] = _mm256_add_epi64(x.part[i], _mm256_and_si256(weights, _mm256_cvtepi32_epi64(four[i])));
    }
    return x;
}
INLINE int64_t summed_up(Wide x) {
    const __m256i four = _mm256_add_epi64(_mm256_add_epi64(x.part[0], x.part[1]), _mm256_add_epi64(x.part[2], x.part[3]));
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    return _mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1);
}
INLINE void put(int64_t* to, Wide x) {
    for (int i = 0; i < 4; ++i) _mm256_storeu_si256((__m256i*)(to + 4 * i), x.part[i]);
}

}  // namespace jackfield::JACKFIELD_SET

#include "sampling_rows.h"

namespace jackfield {
const RowKernels avx2_rows = avx2::rows();
}
