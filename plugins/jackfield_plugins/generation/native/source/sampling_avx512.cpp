// Rows of logits with AVX-512.
#include "sampling.h"

#include <immintrin.h>

#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")
#define JACKFIELD_SET avx512
#include "lanes_avx512.h"

namespace jackfield::JACKFIELD_SET {

// Adding 384 to a double of at most 1 leaves whole units of 2^-44 in its last bits, above those of 384 itself.
constexpr uint64_t UNITS = 0x4078000000000000;

struct Wide { __m512i a, b; };

INLINE int unordered(F x, F y) { return _mm512_cmp_ps_mask(x, y, _CMP_UNORD_Q); }
using Some = __mmask16;  // of sixteen lanes

INLINE Some reaching(F x, F bound) { return _mm512_cmp_ps_mask(x, bound, _CMP_GE_OQ); }
INLINE int number(Some some) { return __builtin_popcount(some); }
INLINE I numbered(int from) {
    return _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_epi32(from));
}
// Those lanes one after the other; how many.
INLINE int packed(F x, I place, Some some, float* logits, int32_t* places) {
    _mm512_storeu_ps(logits, _mm512_maskz_compress_ps(some, x));
    _mm512_storeu_si512(places, _mm512_maskz_compress_epi32(some, place));
    return number(some);
}
INLINE Wide nothing() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
INLINE __m512i fixed8(__m256 x) { return _mm512_castpd_si512(_mm512_add_pd(_mm512_cvtps_pd(x), _mm512_set1_pd(384.0))); }
INLINE Wide fixed(F x) { return {fixed8(_mm512_castps512_ps256(x)), fixed8(_mm512_extractf32x8_ps(x, 1))}; }
INLINE Wide summed(Wide x, Wide y) { return {_mm512_add_epi64(x.a, y.a), _mm512_add_epi64(x.b, y.b)}; }
INLINE Wide summed_of(Some some, Wide x, const int64_t* y) {
    return {_mm512_mask_add_epi64(x.a, __mmask8(some), x.a, _mm512_loadu_si512(y)),
            _mm512_mask_add_epi64(x.b, __mmask8(some >> 8), x.b, _mm512_loadu_si512(y + 8))};
}
INLINE int64_t summed_up(Wide x) { return _mm512_reduce_add_epi64(_mm512_add_epi64(x.a, x.b)); }
INLINE void put(int64_t* to, Wide x) {
    _mm512_storeu_si512(to, x.a);
    _mm512_storeu_si512(to + 8, x.b);
}

}  // namespace jackfield::JACKFIELD_SET

#include "sampling_rows.h"

namespace jackfield {
const RowKernels avx512_rows = avx512::rows();
}
