// The kernels of one instruction set, as a table of functions. Each set's file fills one from the same sources.
#pragma once
#include "ahead.h"
#include "panels.h"

namespace jackfield {

// A stretch of 128 inputs of a pair of panels, and what has been summed up of 256 rows.
constexpr long LINEAR_SCRATCH = 2 * LANES * (128 + 256);

// What a kernel needs to know of a group's codes: their step, and their sum in the forms that it is used in.
struct Sums {
    float step, lift;   // lift: step * sum
    int32_t lowered4;   // -8 * sum: takes a coding's zero back
    int32_t lowered8;   // -128 * sum
};

// Rows quantised for integer arithmetic: code = round(x / step), a step for each row and group of 32 inputs.
struct Quantised {
    int8_t* codes;   // [rows][depth]
    int16_t* pairs;  // [rows][depth], inputs 0, 2, 1, 3 of every four; only where the set wants it
    Sums* wide;      // [rows][depth / 32], of groups of 32
    Sums* narrow;    // [rows][depth / 16], of groups of 16; their steps are those of the 32
    int depth;
    bool sixteens;   // whether `narrow` is wanted
};

// A linear's call: y[row - from][16 * (panel - first) + lane] = sum over inputs (+ bias) (+ what y held, if `add`).
struct Product {
    const Panels* weight;
    int first, count;      // panels
    const float* x;        // float arithmetic: [rows][ldx], zero up to the weight's depth
    long ldx;
    const Quantised* q;    // integer arithmetic
    int from, rows;        // of the rows of x or q: the first, and how many
    float* y;
    long ldy;
    const float* bias;     // [16 * panels] or null
    bool add;
    float* scratch;        // LINEAR_SCRATCH floats of this thread
    const uint8_t* next;   // weights that this thread goes on with, about as many as a pair's; or null
    Ahead* ahead;          // what else is fetched meanwhile; or null
};

// One head group's attention for `rows` rows of one sequence, in ascending positions.
struct Attention {
    const float* q;          // [rows][ldq]: `group` queries of head_size each, already scaled
    long ldq;
    float* out;              // likewise
    long ldo;
    const void* keys;        // of one layer: [block][KV head][block size / 16][head_size][16], blocks `stride` numbers apart
    const void* values;      // [block][KV head][block size][head_size], likewise
    long stride;
    const int32_t* table;    // the sequence's blocks
    const int32_t* positions;
    int rows, group, head_size, head, block_size, window;
    bool half;
    int next;                // the KV head that this thread goes on with, or -1: its first keys are fetched early
    float* scratch;          // rows * group * (head_size + 18) floats
};

// One row's queries, keys and values, one KV head: norms, rotation, and into the cache.
struct Rotation {
    float* q;                // [group * head_size], in place
    float* k;                // [head_size], in place
    const float* v;
    const float *cosine, *sine;  // [head_size / 2]
    const float *query_norm, *key_norm;  // [head_size] or null
    float epsilon, scale;    // scale: of the queries
    bool pairs, half;
    void* keys;              // the position's tile, at its lane
    void* values;            // the position's values
    int group, head_size;
};

struct Kernels {
    const char* name;
    bool pairs;
    void (*linear)(const Product&);
    void (*integer)(const Product&);
    void (*quantise)(const float* x, int from, int to, int row, const Quantised& out);  // x: of inputs [from, to), multiples of 32
    void (*norm)(const float* x, const float* weight, float epsilon, int size, int depth, float* out);
    void (*activate)(const float* gate, const float* up, int size, float* out);  // silu(gate) * up; may be in place
    void (*rotate)(const Rotation&);
    void (*attend)(const Attention&);
    void (*exponential)(const float* x, int size, float* out);  // x <= 0; for tests
};

extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;

}  // namespace jackfield
