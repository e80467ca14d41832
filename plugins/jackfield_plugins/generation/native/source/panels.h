// Weights laid out for the kernels: panels of 16 outputs, all inputs of a panel one after the other.
#pragma once
#include "stored.h"

#include <cstddef>

namespace jackfield {

constexpr int LANES = 16;  // outputs in a panel
constexpr int DEPTH = 32;  // inputs are padded to a multiple of this

enum Kind : int32_t { FULL = 0, HALF = 1, BRAIN = 2, CODES8 = 3, CODES4 = 4 };
enum Storage : int32_t { AS_STORED = 0, AS_FULL = 1, AS_HALF = 2, AS_INT8 = 3 };

// FULL, HALF, BRAIN: [panel][depth][16] of float, f16, bf16. CODES8: [panel][depth / 4][16][4] bytes; CODES4:
// [panel][depth / 8][16][4] bytes, whose low halves are inputs 0..3 of the eight, the high halves 4..7. Scales and
// offsets: [panel][depth / group][16], f16 or float. The number of panels is even; those past the end hold zeros.
struct Panels {
    Kind kind;
    int outputs, inputs, depth, panels;
    int group;
    bool half, offsets;
    float zero;
    const uint8_t* codes;
    const uint8_t* scales;
    const uint8_t* minima;
    size_t panel_bytes, scale_bytes;  // of a panel
    void* memory;
    size_t bytes;
};

// Throws std::bad_alloc. `raw` is only read during the call.
Panels pack(const Raw& raw, Storage storage);
void release(Panels& panels);

void* reserve(size_t bytes);  // zeroed, aligned to a page, in huge pages where the system has them
void unreserve(void* memory, size_t bytes);

}  // namespace jackfield
