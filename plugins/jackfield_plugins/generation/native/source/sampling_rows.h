// What is done with chunks of 256 logits, by the lanes before this line. Each operation is rounded by itself (no fused
// ones), so that NumPy gives the same bits.
#pragma once

namespace jackfield::JACKFIELD_SET {

// 2^(scale * (x - top)), for what is at most 1. The polynomial's relative error is 9.1e-8 (least squares reweighted until
// all extremes are equal, Lawson 1961); its constant is 1, so the largest weighs exactly that.
INLINE F weight(F x, F top, F scale) {
    F y = most(mul(sub(x, top), scale), set(-60.0f));
    F n = rounded(y), r = sub(y, n);
    F p = set(0.001326472731307149f);
    p = add(mul(p, r), set(0.009671512991189957f));
    p = add(mul(p, r), set(0.05550733581185341f));
    p = add(mul(p, r), set(0.24022242426872253f));
    p = add(mul(p, r), set(0.6931470036506653f));
    p = add(mul(p, r), set(1.0f));
    return scaled(p, n);
}

static bool survey(const float* chunk, float* lanes, float* top) {
    F a = load(chunk), b = load(chunk + 16);
    int broken = unordered(a, b);
    for (int i = 32; i < CHUNK; i += 32) {
        F c = load(chunk + i), d = load(chunk + i + 16);
        broken |= unordered(c, d);
        a = most(a, c);
        b = most(b, d);
    }
    a = most(a, b);
    store(lanes, a);
    const __m256 eight = folded_most(a);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    *top = _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
    return broken != 0;
}

static int64_t sum(const float* chunk, float top, float scale) {
    F t = set(top), s = set(scale);
    Wide sums = nothing();
    for (int i = 0; i < CHUNK; i += 16) sums = summed(sums, fixed(weight(load(chunk + i), t, s)));
    return summed_up(sums) - int64_t(uint64_t(CHUNK) * UNITS);
}

static void weigh(const float* chunk, float top, float scale, int64_t* weights) {
    F t = set(top), s = set(scale);
    for (int i = 0; i < CHUNK; i += 16) {
        put(weights + i, fixed(weight(load(chunk + i), t, s)));
        for (int lane = 0; lane < 16; ++lane) weights[i + lane] -= int64_t(UNITS);
    }
}

static int collect(const float* chunk, float bound, int place, float* logits, int32_t* places) {
    int count = 0;
    F least = set(bound);
    for (int i = 0; i < CHUNK; i += 16)
        count += packed(load(chunk + i), numbered(place + i), reaching(load(chunk + i), least), logits + count, places + count);
    return count;
}

static int reach(const float* logits, const int64_t* weights, int count, float bound, int64_t* sum) {
    int reached = 0;
    F least = set(bound);
    Wide sums = nothing();
    for (int i = 0; i < count; i += 16) {
        Some some = reaching(load(logits + i), least);
        sums = summed_of(some, sums, weights + i);
        reached += number(some);
    }
    *sum = summed_up(sums);
    return reached;
}

static int narrow(float* logits, int32_t* places, int count, float bound) {
    int kept = 0;
    F least = set(bound);
    for (int i = 0; i < count; i += 16) {
        F x = load(logits + i);
        kept += packed(x, words((const uint8_t*)(places + i)), reaching(x, least), logits + kept, places + kept);
    }
    return kept < count ? kept : count;
}

constexpr RowKernels rows() { return {survey, sum, weigh, collect, reach, narrow}; }

}  // namespace jackfield::JACKFIELD_SET
