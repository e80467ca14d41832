// Rows of GGUF's quantisations taken apart into codes, scales and offsets. The formats are those of the GGUF
// specification and ggml's block structures; nothing is quantised here.
#include "stored.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace jackfield {

float from_half(uint16_t bits) {
    uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent == 31) return __builtin_bit_cast(float, sign | 0x7f800000u | (fraction << 13));
    if (exponent == 0) {
        float value = float(fraction) * 0x1p-24f;
        return sign ? -value : value;
    }
    return __builtin_bit_cast(float, sign | ((exponent + 112) << 23) | (fraction << 13));
}

uint16_t to_half(float value) {
    uint32_t bits = __builtin_bit_cast(uint32_t, value);
    uint16_t sign = uint16_t((bits >> 16) & 0x8000);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return uint16_t(sign | 0x7e00);
    if (bits >= 0x477ff000u) return uint16_t(sign | 0x7c00);
    if (bits < 0x38800000u) {
        // adding 0.5 leaves the rounded subnormal in the low bits of the fraction
        float shifted = __builtin_bit_cast(float, bits) + 0.5f;
        return uint16_t(sign | (__builtin_bit_cast(uint32_t, shifted) - 0x3f000000u));
    }
    bits += 0xfff + ((bits >> 13) & 1);
    return uint16_t(sign | ((bits >> 13) - (112 << 10)));
}

static float half_at(const uint8_t* at) {
    uint16_t bits;
    std::memcpy(&bits, at, 2);
    return from_half(bits);
}

static uint32_t word_at(const uint8_t* at) {
    uint32_t bits;
    std::memcpy(&bits, at, 4);
    return bits;
}

bool known(int32_t stored) {
    switch (stored) {
        case F32: case F16: case BF16: case Q4_0: case Q4_1: case Q5_0: case Q5_1: case Q8_0:
        case Q2_K: case Q3_K: case Q4_K: case Q5_K: case Q6_K: return true;
        default: return false;
    }
}

int multiple(int32_t stored) {
    if (!quantised(stored)) return 1;
    return stored >= Q2_K ? 256 : 32;
}

Coding coding(int32_t stored) {
    switch (stored) {
        case Q4_0: return {4, 32, false, 8, true};
        case Q4_1: return {4, 32, true, 0, true};
        case Q5_0: return {8, 32, false, 128, true};
        case Q5_1: return {8, 32, true, 0, true};
        case Q8_0: return {8, 32, false, 128, true};
        case Q2_K: return {4, 16, true, 0, false};
        case Q3_K: return {4, 16, false, 8, false};
        case Q4_K: return {4, 32, true, 0, false};
        case Q5_K: return {8, 32, true, 0, false};
        default: return {8, 16, false, 128, false};  // Q6_K
    }
}

static void simple(int32_t stored, const uint8_t* row, int inputs, uint8_t* codes, float* scales, float* offsets) {
    for (int group = 0; group < inputs / 32; ++group, codes += 32) {
        scales[group] = half_at(row);
        row += 2;
        if (stored == Q4_1 || stored == Q5_1) {
            offsets[group] = half_at(row);
            row += 2;
        }
        if (stored == Q8_0) {
            for (int i = 0; i < 32; ++i) codes[i] = uint8_t(row[i] ^ 0x80);
            row += 32;
            continue;
        }
        bool five = stored == Q5_0 || stored == Q5_1;
        uint32_t high = five ? word_at(row) : 0;
        if (five) row += 4;
        int lift = stored == Q5_0 ? 112 : 0;  // zero of Q5_0 is 16; moved to 128, as in every 8-bit coding
        for (int i = 0; i < 16; ++i) {
            codes[i] = uint8_t(((row[i] & 15) | (((high >> i) & 1) << 4)) + lift);
            codes[i + 16] = uint8_t(((row[i] >> 4) | (((high >> (i + 16)) & 1) << 4)) + lift);
        }
        row += 16;
    }
}

// The eight 6-bit pairs of scale and minimum of Q4_K and Q5_K.
static void pairs(const uint8_t* packed, int index, int& scale, int& least) {
    if (index < 4) {
        scale = packed[index] & 63;
        least = packed[index + 4] & 63;
    } else {
        scale = (packed[index + 4] & 15) | ((packed[index - 4] >> 6) << 4);
        least = (packed[index + 4] >> 4) | ((packed[index] >> 6) << 4);
    }
}

static void q2k(const uint8_t* block, uint8_t* codes, float* scales, float* offsets) {
    const uint8_t* packed = block + 16;
    float step = half_at(block + 80), least = half_at(block + 82);
    for (int i = 0; i < 256; ++i) codes[i] = (packed[(i / 128) * 32 + i % 32] >> (2 * ((i % 128) / 32))) & 3;
    for (int group = 0; group < 16; ++group) {
        scales[group] = step * float(block[group] & 15);
        offsets[group] = -(least * float(block[group] >> 4));
    }
}

static void q3k(const uint8_t* block, uint8_t* codes, float* scales) {
    const uint8_t *mask = block, *packed = block + 32, *small = block + 96;
    float step = half_at(block + 108);
    for (int i = 0; i < 256; ++i) {
        int low = (packed[(i / 128) * 32 + i % 32] >> (2 * ((i % 128) / 32))) & 3;
        int high = (mask[i % 32] >> (i / 32)) & 1;
        codes[i] = uint8_t(low + 4 * high + 4);  // zero of Q3_K is 4; moved to 8, as in every 4-bit coding
    }
    for (int group = 0; group < 16; ++group) {
        int low = group < 8 ? small[group] & 15 : small[group - 8] >> 4;
        int high = (small[8 + group % 4] >> (2 * (group / 4))) & 3;
        scales[group] = step * float((low | (high << 4)) - 32);
    }
}

static void q45k(bool five, const uint8_t* block, uint8_t* codes, float* scales, float* offsets) {
    float step = half_at(block), least = half_at(block + 2);
    const uint8_t *high = block + 16, *low = block + (five ? 48 : 16);
    for (int group = 0; group < 8; ++group) {
        int scale, minimum;
        pairs(block + 4, group, scale, minimum);
        scales[group] = step * float(scale);
        offsets[group] = -(least * float(minimum));
        for (int i = 0; i < 32; ++i) {
            int byte = low[(group / 2) * 32 + i];
            int code = group % 2 ? byte >> 4 : byte & 15;
            if (five) code |= ((high[i] >> group) & 1) << 4;
            codes[group * 32 + i] = uint8_t(code);
        }
    }
}

static void q6k(const uint8_t* block, uint8_t* codes, float* scales) {
    float step = half_at(block + 208);
    for (int i = 0; i < 256; ++i) {
        int half = i / 128, quarter = (i % 128) / 32, lane = i % 32;
        int byte = block[half * 64 + (quarter % 2) * 32 + lane];
        int low = quarter < 2 ? byte & 15 : byte >> 4;
        int high = (block[128 + half * 32 + lane] >> (2 * quarter)) & 3;
        codes[i] = uint8_t((low | (high << 4)) + 96);  // zero of Q6_K is 32; moved to 128
    }
    for (int group = 0; group < 16; ++group) scales[group] = step * float(int8_t(block[192 + group]));
}

void decode(int32_t stored, const uint8_t* row, int inputs, uint8_t* codes, float* scales, float* offsets) {
    if (stored < Q2_K) {
        simple(stored, row, inputs, codes, scales, offsets);
        return;
    }
    int groups = 256 / coding(stored).group;
    for (int block = 0; block < inputs / 256; ++block, codes += 256, scales += groups, offsets += groups) {
        switch (stored) {
            case Q2_K: q2k(row, codes, scales, offsets); row += 84; break;
            case Q3_K: q3k(row, codes, scales); row += 110; break;
            case Q4_K: q45k(false, row, codes, scales, offsets); row += 144; break;
            case Q5_K: q45k(true, row, codes, scales, offsets); row += 176; break;
            default: q6k(row, codes, scales); row += 210; break;
        }
    }
}

void floats(int32_t stored, const uint8_t* row, int inputs, float* out) {
    if (stored == F32) {
        std::memcpy(out, row, size_t(inputs) * 4);
    } else if (stored == F16 || stored == BF16) {
        for (int i = 0; i < inputs; ++i) {
            uint16_t bits;
            std::memcpy(&bits, row + 2 * i, 2);
            out[i] = stored == F16 ? from_half(bits) : from_brain(bits);
        }
    } else {
        Coding how = coding(stored);
        std::vector<uint8_t> codes(size_t(inputs) + 1);
        std::vector<float> scales(size_t(inputs) / 16 + 1), offsets(size_t(inputs) / 16 + 1);
        decode(stored, row, inputs, codes.data(), scales.data(), offsets.data());
        for (int i = 0; i < inputs; ++i) {
            int group = i / how.group;
            float offset = how.offsets ? offsets[group] : -float(how.zero) * scales[group];
            out[i] = std::fma(float(codes[i]), scales[group], offset);
        }
    }
}

}  // namespace jackfield
