// Weights laid out for the kernels: panels of 16 outputs, all inputs of a panel one after the other.
#pragma once
#include "stored.h"

#include <cstddef>

namespace jackfield {

constexpr int LANES = 16;  // outputs in a panel
constexpr int DEPTH = 32;  // inputs are padded to a multiple of this

enum Kind : int32_t { FULL = 0, HALF = 1, BRAIN = 2, CODES8 = 3, CODES4 = 4 };
enum Storage : int32_t { AS_STORED = 0, AS_FULL = 1, AS_HALF = 2, AS_INT8 = 3 };

// Two panels, a pair, lie together, group of inputs after group, so that reading them is one stream. A group's block is
// [scales of both][offsets of both][codes of the first][codes of the second]. Scales and offsets are 16 f16 numbers or
// floats a panel. Codes of a panel: FULL, HALF, BRAIN [group][16] of float, f16, bf16 (group is 8); CODES8
// [group / 4][16][4] bytes; CODES4 [group / 8][16][4] bytes, whose low halves are inputs 0..3 of the eight, the high
// halves 4..7. Panels past the outputs hold zeros.
struct Panels {
    Kind kind;
    int outputs, inputs, depth, panels;
    int group;
    bool half, offsets;
    float zero;
    const uint8_t* data;
    size_t number, codes;         // bytes: of a scale or offset, of a panel's codes in a group
    size_t block_bytes, pair_bytes;
    void* memory;
    size_t bytes;

    size_t header() const { return number * LANES * (offsets ? 4 : 2); }  // where codes begin in a block
    const uint8_t* pair_of(int panel) const { return data + size_t(panel / 2) * pair_bytes; }
    size_t scale_at(int panel) const { return size_t(panel % 2) * LANES * number; }
    size_t offset_at(int panel) const { return size_t(2 + panel % 2) * LANES * number; }
    size_t codes_at(int panel) const { return header() + size_t(panel % 2) * codes; }
};

// Throws std::bad_alloc. `raw` is only read during the call.
Panels pack(const Raw& raw, Storage storage);
void release(Panels& panels);

}  // namespace jackfield
