// A linear made of segments that share their input: query, key and value in one, gate and up in one.
#pragma once
#include "kernels.h"

#include <vector>

namespace jackfield {

struct Segment {
    Panels panels;
    int column;     // of the output, where it begins
    bool integer;  // arithmetic
};

struct Unit { int segment, first, count; };  // panels
struct Range { int from, count; };           // rows

// Buffers that a linear reads: floats where a segment's arithmetic is float, codes where it is integer.
struct Linear {
    std::vector<Segment> segments;
    std::vector<float> bias;  // by output column, or empty
    std::vector<Unit> fine, coarse;  // of two panels, of four
    int inputs = 0, depth = 0, columns = 0;
    bool floats = false, codes = false, sixteens = false;  // sixteens: codes by groups of 16 inputs

    // `biases`: for each raw weight floats, or null. Throws std::bad_alloc.
    Linear(const Raw* raws, const float* const* biases, int count, Storage storage, bool integer);
    ~Linear();
    Linear(const Linear&) = delete;
    Linear& operator=(const Linear&) = delete;
    int column(const Unit& unit) const { return segments[size_t(unit.segment)].column + unit.first * LANES; }  // of the output
    // How many units before a unit's turn its first weights are fetched. Of floats two: they are so many that a unit's last
    // stretch is too short for it.
    int ahead() const { return segments[0].panels.kind == FULL ? 2 : 1; }
    const std::vector<Unit>& units(int rows) const { return rows == 1 ? coarse : fine; }
    // Where the weights of a unit of panels begin; null where there is none.
    const uint8_t* weights(const Unit& unit) const {
        const Panels& panels = segments[size_t(unit.segment)].panels;
        return unit.first < panels.panels ? panels.pair_of(unit.first) : nullptr;
    }
    size_t bytes() const;
};

struct Rows {  // of floats and their quantised twin
    float* x;
    long ldx;
    Quantised q;
};

// The parts of quantised rows in one piece of memory.
size_t quantised_bytes(size_t rows, size_t depth);
Quantised quantised_in(uint8_t* memory, size_t rows, size_t depth, bool sixteens);

// Computes one unit of `linear` for some rows; y: of the first of them, where the unit begins.
void compute(const Kernels& kernels, const Linear& linear, const Unit& unit, const Rows& in, Range rows, float* y, long ldy,
             bool add, float* scratch, const uint8_t* next = nullptr, Ahead* ahead = nullptr);

}  // namespace jackfield
