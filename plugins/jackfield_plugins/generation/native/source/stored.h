// How checkpoints store a tensor, by the numbers that GGUF gives the types.
#pragma once
#include <cstdint>

namespace jackfield {

enum Stored : int32_t {
    F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8,
    Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14, BF16 = 30,
};

// A tensor as its checkpoint stores it: `outputs` rows of `inputs` elements, `stride` bytes apart. Not owned.
struct Raw {
    const uint8_t* data;
    int64_t stride;
    int32_t stored;
    int32_t outputs;
    int32_t inputs;
};

// A quantisation is "code times scale plus offset", by groups of inputs. Codes are unsigned; where a format has no
// offsets of its own, the offset is -zero * scale.
struct Coding {
    int bits;     // 4: codes below 16; 8
    int group;    // inputs that share a scale: 16 or 32
    bool offsets;  // each group has an offset of its own
    int zero;      // without offsets: the code that stands for 0
    bool half;     // scales and offsets are f16 numbers exactly
};

inline bool quantised(int32_t stored) { return stored != F32 && stored != F16 && stored != BF16; }
bool known(int32_t stored);
int multiple(int32_t stored);  // inputs must be a multiple of this
Coding coding(int32_t stored);
// One row's codes [inputs], scales and offsets [inputs / group] (offsets: only where the coding has them).
void decode(int32_t stored, const uint8_t* row, int inputs, uint8_t* codes, float* scales, float* offsets);
// One row as floats: code * scale + offset, rounded once.
void floats(int32_t stored, const uint8_t* row, int inputs, float* out);

float from_half(uint16_t bits);
uint16_t to_half(float value);
inline float from_brain(uint16_t bits) {
    uint32_t wide = uint32_t(bits) << 16;
    return __builtin_bit_cast(float, wide);
}

}  // namespace jackfield
