// One row of logits, looked at in chunks: its largest, its best, and one token drawn by chance.
#pragma once
#include "sampling.h"

namespace jackfield {

class Row {
public:
    // Looks at all of `row` once.
    Row(const float* row, int size, const RowKernels& kernels, Scratch& scratch);

    float top() const { return top_; }
    bool finite() const { return finite_; }
    int32_t largest() const;
    int64_t total(float scale);
    // The `count` largest, the lower place where they are equal; ascending places in `scratch.places`, their logits in
    // `scratch.logits`. Returns how many.
    int best(int count);
    int32_t draw(const Asked& asked);

private:
    const float* chunk(int number) const { return number < whole_ ? row_ + number * CHUNK : scratch_.tail.data(); }
    float chunk_top(int number) const { return scratch_.chunk_tops[size_t(number)]; }
    int collect(float bound);
    void weigh(int count, float scale);
    int nucleus(int count, int64_t wanted, float scale);
    int heavy(int count, int64_t least);
    int32_t drawn(int count, double chance) const;
    int32_t drawn_of_all(int64_t total, double chance, float scale);

    const float* const row_;
    const int size_, whole_, chunks_;
    const RowKernels& kernels_;
    Scratch& scratch_;
    float top_;
    bool finite_;
};

// In [0, 1), by Philox4x32-10: see sampling/philox.py.
double uniform(uint64_t seed, uint32_t lane, uint32_t place);

}  // namespace jackfield
