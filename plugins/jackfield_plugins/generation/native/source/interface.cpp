// What Python calls, by ctypes. Functions that can fail give null or a nonzero number and leave a sentence for
// jackfield_error, which belongs to the calling thread.
#include "decoder.h"

#include <algorithm>
#include <cstring>
#include <exception>

using namespace jackfield;

static thread_local std::string error;

template <class Result, class Function> static Result guarded(Result failed, Function&& function) {
    try {
        return function();
    } catch (const std::bad_alloc&) {
        error = "there is not enough memory";
    } catch (const std::exception& problem) {
        error = problem.what();
    }
    return failed;
}

#define API extern "C" __attribute__((visibility("default")))

API int jackfield_interface() { return 4; }

API const char* jackfield_error() { return error.c_str(); }

// Bit 0: AVX2, FMA and F16C. Bit 1: AVX-512 F, BW, DQ, VL and VNNI beside them.
API int jackfield_sets() {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) return 0;
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512vnni");
    return wide ? 3 : 1;
}

static const Kernels& set_of(int number) { return number == 1 ? avx512_kernels : avx2_kernels; }

API int jackfield_knows(int stored) { return known(stored); }

API int jackfield_multiple(int stored) { return multiple(stored); }

API Linear* jackfield_linear_new(const Raw* raws, const float* const* biases, int count, int storage, int integer) {
    return guarded<Linear*>(nullptr, [&] { return new Linear(raws, biases, count, Storage(storage), integer != 0); });
}

API void jackfield_linear_free(Linear* linear) { delete linear; }

API int64_t jackfield_linear_bytes(const Linear* linear) { return int64_t(linear->bytes()); }

API int jackfield_linear_columns(const Linear* linear) { return linear->columns; }

API Decoder* jackfield_decoder_new(const Shape* shape, const float* frequencies, int set, const int* processors, int count) {
    return guarded<Decoder*>(nullptr, [&] {
        return new Decoder(*shape, frequencies, set_of(set), std::vector<int>(processors, processors + count));
    });
}

API void jackfield_decoder_free(Decoder* decoder) { delete decoder; }

// The linears become the decoder's. Norms are copied; query_norm and key_norm may be null.
API void jackfield_decoder_layer(Decoder* decoder, int index, Linear* qkv, Linear* output, Linear* gate_up, Linear* down,
                                 const float* attention_norm, const float* feed_forward_norm, const float* query_norm,
                                 const float* key_norm, int hidden, int head_size, int window) {
    LayerWeights& layer = decoder->layers[size_t(index)];
    layer.qkv.reset(qkv);
    layer.output.reset(output);
    layer.gate_up.reset(gate_up);
    layer.down.reset(down);
    layer.attention_norm.assign(attention_norm, attention_norm + hidden);
    layer.feed_forward_norm.assign(feed_forward_norm, feed_forward_norm + hidden);
    if (query_norm) layer.query_norm.assign(query_norm, query_norm + head_size);
    if (key_norm) layer.key_norm.assign(key_norm, key_norm + head_size);
    layer.window = window;
}

// The head becomes the decoder's; the embedding stays the caller's and must outlive it.
API void jackfield_decoder_ends(Decoder* decoder, const Raw* embedding, Linear* head, const float* norm, int hidden) {
    decoder->embedding = *embedding;
    decoder->head.reset(head);
    decoder->final_norm.assign(norm, norm + hidden);
}

API int jackfield_decoder_step(Decoder* decoder, const StepRows* rows, float* logits, int64_t ld) {
    return guarded<int>(1, [&] {
        error = decoder->step(*rows, logits, long(ld));
        return error.empty() ? 0 : 2;
    });
}

// The blocks that a home would fetch ahead in such a step; gives how many, or -1. At most `most` are written. For tests.
API int jackfield_decoder_ahead(Decoder* decoder, const StepRows* rows, int home, int32_t* blocks, int most) {
    return guarded<int>(-1, [&] {
        const std::vector<int> found = decoder->ahead(*rows, home);
        std::copy_n(found.begin(), std::min(int(found.size()), most), blocks);
        return int(found.size());
    });
}

API void jackfield_decoder_copy(Decoder* decoder, const int32_t* pairs, int count) { decoder->copy(pairs, count); }

API void jackfield_decoder_times(const Decoder* decoder, uint64_t* nanoseconds) {
    std::memcpy(nanoseconds, decoder->nanoseconds, sizeof(decoder->nanoseconds));
}
