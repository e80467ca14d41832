// Norms, rotation, the gated activation, quantisation of activations, and the exponential that they share.
#pragma once

namespace jackfield::JACKFIELD_SET {

// e^x, for x below 88, by 2^n * e^r, |r| <= ln 2 / 2, and a polynomial of degree 6 for e^r. Below -87 it stays at e^-87.
INLINE F exponential(F x) {
    x = most(x, set(-87.0f));
    F n = rounded(mul(x, set(1.44269504088896341f)));
    F r = fma(n, set(-0.693359375f), x);
    r = fma(n, set(2.12194440e-4f), r);
    F y = set(1.0f / 720);
    y = fma(y, r, set(1.0f / 120));
    y = fma(y, r, set(1.0f / 24));
    y = fma(y, r, set(1.0f / 6));
    y = fma(y, r, set(0.5f));
    y = fma(y, r, set(1.0f));
    y = fma(y, r, set(1.0f));
    return scaled(y, n);
}

INLINE float total(F x) {  // lanes in one fixed order, the same in every set
    __m256 eight = folded_sum(x);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

INLINE float largest(F x) {
    __m256 eight = folded_most(x);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// the last, partial sixteen of an array
INLINE F some(const float* p, int count) {
    float lane[LANES] = {};
    for (int i = 0; i < count; ++i) lane[i] = p[i];
    return load(lane);
}
INLINE void store_some(float* p, F x, int count) {
    float lane[LANES];
    store(lane, x);
    for (int i = 0; i < count; ++i) p[i] = lane[i];
}

static void norm(const float* x, const float* weight, float epsilon, int size, int depth, float* out) {
    F squares = zero();
    int i = 0;
    for (; i + LANES <= size; i += LANES) {
        F v = load(x + i);
        squares = fma(v, v, squares);
    }
    if (i < size) {
        F v = some(x + i, size - i);
        squares = fma(v, v, squares);
    }
    F scale = set(1.0f / __builtin_sqrtf(total(squares) / float(size) + epsilon));
    for (i = 0; i + LANES <= size; i += LANES) store(out + i, mul(load(weight + i), mul(load(x + i), scale)));
    if (i < size) store_some(out + i, mul(some(weight + i, size - i), mul(some(x + i, size - i), scale)), size - i);
    for (i = size; i < depth; ++i) out[i] = 0;
}

INLINE F gated(F gate, F up) {
    return mul(divide(gate, add(set(1.0f), exponential(least(sub(zero(), gate), set(88.0f))))), up);
}

static void activate(const float* gate, const float* up, int size, float* out) {
    int i = 0;
    for (; i + LANES <= size; i += LANES) store(out + i, gated(load(gate + i), load(up + i)));
    if (i < size) store_some(out + i, gated(some(gate + i, size - i), some(up + i, size - i)), size - i);
}

INLINE Sums summed(float step, float sum) { return {step, step * sum, -8 * int32_t(sum), -128 * int32_t(sum)}; }

static void quantise(const float* x, int from, int to, int row, const Quantised& out) {
    int8_t* codes = out.codes + size_t(row) * out.depth;
    for (int k = from; k < to; k += 32) {
        F low = load(x + k - from), high = load(x + k - from + LANES);
        float peak = largest(most(magnitude(low), magnitude(high)));
        float step = peak * (1.0f / 127.0f);
        F by = set(peak > 0 ? 127.0f / peak : 0.0f);
        low = rounded(mul(low, by));
        high = rounded(mul(high, by));
        store_bytes(codes + k, low);
        store_bytes(codes + k + LANES, high);
        const size_t at = (size_t(row) * out.depth + k) / 32;
        float first = total(low), second = total(high);  // whole numbers, so exact
        out.wide[at] = summed(step, first + second);
        if (out.sixteens) {
            out.narrow[2 * at] = summed(step, first);
            out.narrow[2 * at + 1] = summed(step, second);
        }
        if (PAIRS) {
            int16_t* pairs = out.pairs + size_t(row) * out.depth + k;
            for (int i = 0; i < 32; i += 4) {
                pairs[i] = codes[k + i];
                pairs[i + 1] = codes[k + i + 2];
                pairs[i + 2] = codes[k + i + 1];
                pairs[i + 3] = codes[k + i + 3];
            }
        }
    }
}

static void rotate_head(float* x, const Rotation& r, const float* weight, float scale) {
    const int size = r.head_size, half_size = size / 2;
    if (weight) norm(x, weight, r.epsilon, size, size, x);
    if (r.pairs) {
        for (int i = 0; i < half_size; ++i) {
            float a = x[2 * i], b = x[2 * i + 1];
            x[2 * i] = (a * r.cosine[i] - b * r.sine[i]) * scale;
            x[2 * i + 1] = (b * r.cosine[i] + a * r.sine[i]) * scale;
        }
    } else {
        for (int i = 0; i < half_size; ++i) {
            float a = x[i], b = x[i + half_size];
            x[i] = (a * r.cosine[i] - b * r.sine[i]) * scale;
            x[i + half_size] = (b * r.cosine[i] + a * r.sine[i]) * scale;
        }
    }
}

static void rotate(const Rotation& r) {
    for (int h = 0; h < r.group; ++h) rotate_head(r.q + h * r.head_size, r, r.query_norm, r.scale);
    rotate_head(r.k, r, r.key_norm, 1.0f);
    if (r.half) {
        uint16_t *keys = (uint16_t*)r.keys, *values = (uint16_t*)r.values;
        uint16_t turned[LANES];
        for (int d = 0; d < r.head_size; d += LANES) {
            store_half(turned, load(r.k + d));
            for (int i = 0; i < LANES; ++i) keys[(d + i) * LANES] = turned[i];
            store_half(values + d, load(r.v + d));
        }
    } else {
        float *keys = (float*)r.keys, *values = (float*)r.values;
        for (int d = 0; d < r.head_size; ++d) keys[d * LANES] = r.k[d];
        for (int d = 0; d < r.head_size; d += LANES) store(values + d, load(r.v + d));
    }
}

static void exponentials(const float* x, int size, float* out) {
    int i = 0;
    for (; i + LANES <= size; i += LANES) store(out + i, exponential(load(x + i)));
    if (i < size) store_some(out + i, exponential(some(x + i, size - i)), size - i);
}

}  // namespace jackfield::JACKFIELD_SET
