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

// Ten chains in registers of their own, so that nothing but the products takes time.
#define CHAINS(SUFFIX) \
    "vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "0\n vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "1\n" \
    "vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "2\n vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "3\n" \
    "vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "4\n vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "5\n" \
    "vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "6\n vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "7\n" \
    "vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "8\n vfmadd231ps %%" SUFFIX "11,%%" SUFFIX "10,%%" SUFFIX "9\n"
#define USED "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11"

__attribute__((target("avx2,fma"))) static void products256(int64_t times) {
    asm volatile("vzeroall" ::: USED, "xmm12", "xmm13", "xmm14", "xmm15");
    for (int64_t i = 0; i < times; ++i) asm volatile(CHAINS("ymm") ::: USED);
}

__attribute__((target("avx512f"))) static void products512(int64_t times) {
    asm volatile("vzeroall" ::: USED, "xmm12", "xmm13", "xmm14", "xmm15");
    for (int64_t i = 0; i < times; ++i) asm volatile(CHAINS("zmm") ::: USED);
}

// Fused products of floats a second, all threads together.
API double jackfield_product_rate(int threads, int set, int64_t times) {
    Pool pool(threads, {});
    double start = seconds();
    pool.run([&](int) { set == 1 ? products512(times) : products256(times); });
    return 10.0 * (set == 1 ? 16 : 8) * double(times) * threads / (seconds() - start);
}
