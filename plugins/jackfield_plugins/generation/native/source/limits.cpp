// What the machine can do, measured: how fast memory is read, how fast the fused products go. The roofline of a step.
#include "kernels.h"
#include "threads.h"

#include <chrono>
#include <immintrin.h>

using namespace jackfield;

#define API extern "C" __attribute__((visibility("default")))

static double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

__attribute__((target("avx2"))) static int64_t read_all(const uint8_t* from, size_t bytes) {
    __m256i sum[8] = {};
    for (size_t at = 0; at + 256 <= bytes; at += 256)
        for (int i = 0; i < 8; ++i) sum[i] = _mm256_xor_si256(sum[i], _mm256_loadu_si256((const __m256i*)(from + at + 32 * size_t(i))));
    for (int i = 1; i < 8; ++i) sum[0] = _mm256_xor_si256(sum[0], sum[i]);
    return _mm256_extract_epi64(sum[0], 0);
}

// Bytes a second that all threads together read from `memory`, `rounds` times.
API double jackfield_read_rate(int threads, const uint8_t* memory, int64_t bytes, int rounds) {
    Pool pool(threads, {});
    std::atomic<int64_t> kept{0};
    size_t share = size_t(bytes) / size_t(threads) / 256 * 256;
    double start = seconds();
    pool.run([&](int thread) {
        for (int i = 0; i < rounds; ++i) kept += read_all(memory + size_t(thread) * share, share);
    });
    return double(share) * threads * rounds / (seconds() - start);
}

__attribute__((target("avx2,fma"))) static float products2(long times) {
    __m256 sum[10], a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
    for (auto& s : sum) s = _mm256_setzero_ps();
    for (long i = 0; i < times; ++i)
#pragma GCC unroll 10
        for (int j = 0; j < 10; ++j) asm volatile("vfmadd231ps %2, %1, %0" : "+x"(sum[j]) : "x"(a), "x"(b));
    return _mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f"))) static float products512(long times) {
    __m512 sum[10], a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
    for (auto& s : sum) s = _mm512_setzero_ps();
    for (long i = 0; i < times; ++i)
#pragma GCC unroll 10
        for (int j = 0; j < 10; ++j) asm volatile("vfmadd231ps %2, %1, %0" : "+v"(sum[j]) : "v"(a), "v"(b));
    return _mm512_cvtss_f32(sum[0]);
}

// Fused products of floats a second, all threads together.
API double jackfield_product_rate(int threads, int set, int64_t times) {
    Pool pool(threads, {});
    std::atomic<int> kept{0};
    double start = seconds();
    pool.run([&](int) { kept += int(set == 1 ? products512(long(times)) : products2(long(times))); });
    return 10.0 * (set == 1 ? 16 : 8) * double(times) * threads / (seconds() - start);
}
