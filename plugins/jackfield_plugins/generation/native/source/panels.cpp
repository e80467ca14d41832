// Laying weights out in panels.
#include "panels.h"
#include "pages.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace jackfield {

static size_t up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

namespace {

// One output's numbers in the form that its panel wants.
struct Row {
    std::vector<uint8_t> codes;
    std::vector<float> scales, offsets, values;
};

void quantise8(Row& row, int inputs) {
    // scales are f16 numbers, rounded up so that no code leaves -127..127
    for (int group = 0; group * 32 < inputs; ++group) {
        float most = 0;
        for (int i = group * 32; i < std::min(inputs, group * 32 + 32); ++i) most = std::max(most, std::fabs(row.values[i]));
        uint16_t bits = to_half(most / 127);
        while (from_half(bits) * 127 < most && bits < 0x7bff) ++bits;
        float scale = from_half(bits);
        row.scales[group] = scale;
        for (int i = group * 32; i < std::min(inputs, group * 32 + 32); ++i) {
            float code = scale > 0 ? std::nearbyint(row.values[i] / scale) : 0;
            row.codes[i] = uint8_t(128 + int(std::clamp(code, -127.0f, 127.0f)));
        }
        for (int i = inputs; i < group * 32 + 32; ++i) row.codes[i] = 128;
    }
}

// `pair` is where the output's pair of panels begins.
void place_codes(const Panels& to, uint8_t* pair, const Row& row, int panel, int lane) {
    for (int k = 0; k < to.depth; ++k) {
        uint8_t* codes = pair + size_t(k / to.group) * to.block_bytes + to.codes_at(panel);
        int inside = k % to.group;
        if (to.kind == CODES8)
            codes[(inside / 4) * 64 + lane * 4 + inside % 4] = row.codes[k];
        else
            codes[(inside / 8) * 64 + lane * 4 + inside % 4] |= uint8_t(inside % 8 < 4 ? row.codes[k] : row.codes[k] << 4);
    }
}

void place_scales(const Panels& to, uint8_t* pair, const std::vector<float>& values, size_t at, int lane) {
    for (int group = 0; group < to.depth / to.group; ++group) {
        uint8_t* place = pair + size_t(group) * to.block_bytes + at + size_t(lane) * to.number;
        uint16_t bits = to_half(values[group]);
        if (to.half)
            std::memcpy(place, &bits, 2);
        else
            std::memcpy(place, &values[group], 4);
    }
}

void place_values(const Panels& to, uint8_t* pair, const Row& row, int panel, int lane) {
    for (int k = 0; k < to.inputs; ++k) {
        uint8_t* codes = pair + size_t(k / to.group) * to.block_bytes + to.codes_at(panel);
        size_t index = size_t(k % to.group) * LANES + lane;
        float value = row.values[k];
        uint16_t bits = to.kind == HALF ? to_half(value) : uint16_t(__builtin_bit_cast(uint32_t, value) >> 16);
        if (to.kind == FULL)
            std::memcpy(codes + index * 4, &value, 4);
        else
            std::memcpy(codes + index * 2, &bits, 2);
    }
}

void describe(Panels& to, const Raw& raw, Storage storage) {
    Coding how{8, 32, false, 128, true};
    if (storage == AS_FULL || (storage == AS_STORED && raw.stored == F32))
        to.kind = FULL;
    else if (storage == AS_STORED && raw.stored == BF16)
        to.kind = BRAIN;
    else if (storage == AS_HALF)
        to.kind = raw.stored == BF16 ? BRAIN : HALF;
    else if (storage == AS_STORED && raw.stored == F16)
        to.kind = HALF;
    else {
        if (storage == AS_STORED) how = coding(raw.stored);
        to.kind = how.bits == 4 ? CODES4 : CODES8;
    }
    to.outputs = raw.outputs;
    to.inputs = raw.inputs;
    to.depth = int(up(size_t(raw.inputs), DEPTH));
    to.panels = int(up(size_t(raw.outputs), 2 * LANES)) / LANES;
    to.group = how.group;
    to.half = how.half;
    to.offsets = how.offsets;
    to.zero = float(how.zero);
    const size_t bytes[] = {64, 32, 32, 16, 8};  // of one input of a panel
    if (to.kind < CODES8) to.offsets = false;
    if (to.kind < CODES8) to.group = 8;
    to.number = to.kind < CODES8 ? 0 : to.half ? 2 : 4;
    to.codes = bytes[to.kind] * size_t(to.group);
    to.block_bytes = to.header() + 2 * to.codes;
    to.pair_bytes = to.block_bytes * size_t(to.depth / to.group);
}

}  // namespace

Panels pack(const Raw& raw, Storage storage) {
    Panels to{};
    describe(to, raw, storage);
    to.bytes = size_t(to.panels / 2) * to.pair_bytes;
    to.memory = reserve(to.bytes);
    to.data = static_cast<uint8_t*>(to.memory);
    Row row;
    row.codes.resize(size_t(to.depth));
    row.values.resize(size_t(to.depth));
    row.scales.resize(size_t(to.depth) / 16);
    row.offsets.resize(size_t(to.depth) / 16);
    for (int output = 0; output < to.outputs; ++output) {
        const uint8_t* from = raw.data + int64_t(output) * raw.stride;
        int panel = output / LANES, lane = output % LANES;
        uint8_t* pair = static_cast<uint8_t*>(to.memory) + size_t(panel / 2) * to.pair_bytes;
        if (to.kind < CODES8 || storage == AS_INT8) floats(raw.stored, from, raw.inputs, row.values.data());
        if (to.kind < CODES8) {
            place_values(to, pair, row, panel, lane);
            continue;
        }
        if (storage == AS_INT8)
            quantise8(row, raw.inputs);
        else
            decode(raw.stored, from, raw.inputs, row.codes.data(), row.scales.data(), row.offsets.data());
        place_codes(to, pair, row, panel, lane);
        place_scales(to, pair, row.scales, to.scale_at(panel), lane);
        if (to.offsets) place_scales(to, pair, row.offsets, to.offset_at(panel), lane);
    }
    return to;
}

void release(Panels& panels) {
    unreserve(panels.memory, panels.bytes);
    panels.memory = nullptr;
}

}  // namespace jackfield
