#include "weights.h"

#include <algorithm>

namespace jackfield {

Linear::Linear(const Raw* raws, const float* const* biases, int count, Storage storage, bool integer) {
    inputs = raws[0].inputs;
    for (int i = 0; i < count; ++i) {
        Panels panels = pack(raws[i], storage);
        segments.push_back({panels, columns, integer && panels.kind >= CODES8});
        depth = panels.depth;
        for (int first = 0; first < panels.panels; first += 2) fine.push_back({i, first, 2});
        for (int first = 0; first < panels.panels; first += 4)
            coarse.push_back({i, first, std::min(4, panels.panels - first)});
        if (biases && biases[i]) bias.resize(size_t(columns) + size_t(panels.panels) * LANES);
        if (biases && biases[i]) std::copy_n(biases[i], raws[i].outputs, bias.begin() + columns);
        columns += panels.panels * LANES;
        (segments.back().integer ? codes : floats) = true;
        sixteens = sixteens || panels.group == 16;
    }
    if (!bias.empty()) bias.resize(size_t(columns));
}

Linear::~Linear() {
    for (auto& segment : segments) release(segment.panels);
}

size_t Linear::bytes() const {
    size_t all = 0;
    for (auto& segment : segments) all += segment.panels.bytes;
    return all;
}

size_t quantised_bytes(size_t rows, size_t depth) {
    return rows * depth * 3 + rows * depth / 32 * 3 * sizeof(Sums) + 64;  // codes and pairs are 3 bytes an input
}

Quantised quantised_in(uint8_t* memory, size_t rows, size_t depth, bool sixteens) {
    const size_t all = rows * depth;
    Quantised q{};
    q.depth = int(depth);
    q.sixteens = sixteens;
    q.wide = reinterpret_cast<Sums*>(memory);
    q.narrow = q.wide + all / 32;
    q.pairs = reinterpret_cast<int16_t*>(q.narrow + all / 16);
    q.codes = reinterpret_cast<int8_t*>(q.pairs + all);
    return q;
}

void compute(const Kernels& kernels, const Linear& linear, const Unit& unit, const Rows& in, Range rows, float* y, long ldy,
             bool add, float* scratch, const uint8_t* next, Ahead* ahead) {
    const Segment& segment = linear.segments[size_t(unit.segment)];
    Product product{};
    product.weight = &segment.panels;
    product.first = unit.first;
    product.count = unit.count;
    product.x = in.x;
    product.ldx = in.ldx;
    product.q = &in.q;
    product.from = rows.from;
    product.rows = rows.count;
    product.y = y;
    product.ldy = ldy;
    product.bias = linear.bias.empty() ? nullptr : linear.bias.data() + segment.column;
    product.add = add;
    product.scratch = scratch;
    product.next = next;
    product.ahead = ahead;
    (segment.integer ? kernels.integer : kernels.linear)(product);
}

}  // namespace jackfield
