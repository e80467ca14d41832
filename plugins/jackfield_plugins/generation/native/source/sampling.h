// Choosing tokens out of rows of logits. All sums are of whole numbers, so they are exact in any order: a row gives the
// same token in every instruction set, on any thread, and in the NumPy implementation (sampling/weights.py, with which the
// definitions here must stay equal).
#pragma once
#include "threads.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace jackfield {

constexpr int CHUNK = 256;  // logits that are looked at together
constexpr int LANES_OF_CHUNK = 16;

// Weights are 2^(scale * (logit - largest)) in units of 2^-44, the largest is ONE.
constexpr int64_t ONE = int64_t(1) << 44;

// What is done with chunks of 256 logits, in one instruction set.
struct RowKernels {
    // The largest of each of a chunk's 16 lanes, and of these; whether one of the chunk's is no number.
    bool (*survey)(const float* chunk, float* lanes, float* top);
    int64_t (*sum)(const float* chunk, float top, float scale);
    void (*weigh)(const float* chunk, float top, float scale, int64_t* weights);
    // Those that reach `bound`: logits and places (the chunk's first is at `place`), ascending; returns how many. Writes
    // up to 16 more than that.
    int (*collect)(const float* chunk, float bound, int place, float* logits, int32_t* places);
    // Of candidates, those that reach `bound`: how many, and their weights' sum; or they alone are left, in place. `logits`,
    // `weights` and `places` have room for a multiple of 16, and the logits past the count are -infinity.
    int (*reach)(const float* logits, const int64_t* weights, int count, float bound, int64_t* sum);
    int (*narrow)(float* logits, int32_t* places, int count, float bound);
};

extern const RowKernels avx2_rows;
extern const RowKernels avx512_rows;

// How a row's token is chosen; `Asked` of native/sampler.py.
struct Asked {
    uint64_t seed;
    double top_p;
    int64_t least;              // weight of the lightest token that may be drawn: min_p
    const int32_t* penalised;   // tokens of prompt and answer, each once
    const float* counts;        // how often the answer has them
    const int32_t* biased;
    const float* biases;
    const int32_t* banned;
    int32_t penalised_count, biased_count, banned_count;
    float repetition, presence, frequency;
    float scale;                // of the exponent: log2(e) / temperature; 0 takes the largest
    uint32_t lane, said;
    int32_t top_k;              // 0: all
    int32_t best;               // so many likeliest tokens are asked for; -1: not even how likely the chosen one is
};

// How likely tokens are by the row as the model gave it.
struct Likely {
    int64_t* totals;  // [rows] sums of weights at temperature 1
    float* tops;      // [rows] largest logits
    float* logits;    // [rows] of the chosen tokens
    int32_t* best;    // [rows][most] tokens, the likeliest first
    float* best_logits;
    int32_t most;
};

struct Candidate {
    uint64_t key;  // its order
    int at;
};

// What a thread needs to look at a row.
struct Scratch {
    explicit Scratch(int vocabulary);

    std::vector<float> lanes, chunk_tops, tail, logits;
    std::vector<int32_t> places;
    std::vector<int64_t> sums, weights;
    std::vector<float> parts, before;  // largest ones of parts; of changed logits, what they were
    std::vector<uint64_t> keys;
    std::vector<Candidate> between;
};

class Sampler {
public:
    Sampler(int vocabulary, int threads, const RowKernels& kernels);

    // `tokens[i]` for row `rows[i]` of `logits`, by `asked[i]`, or the largest if `asked` is null; -1 if the largest is
    // not a number. Rows that are changed for it are as before afterwards. No row may be there twice.
    void choose(float* logits, long ld, const int64_t* rows, const Asked* const* asked, int count, int64_t* tokens,
                const Likely& likely);

private:
    void one(float* row, const Asked* asked, int64_t* token, const Likely& likely, int place, Scratch& scratch) const;

    const int vocabulary_;
    const RowKernels& kernels_;
    std::vector<Scratch> scratch_;
    Phase phase_;
    std::vector<Patience> patience_;
    Pool pool_;
};

}  // namespace jackfield
