// Laying weights out in panels; memory for them.
#include "panels.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

namespace jackfield {

void* reserve(size_t bytes) {
    if (bytes == 0) return nullptr;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void unreserve(void* memory, size_t bytes) {
    if (memory) munmap(memory, bytes);
}

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

void place_codes(const Panels& to, uint8_t* codes, const Row& row, int lane) {
    for (int k = 0; k < to.depth; ++k) {
        if (to.kind == CODES8)
            codes[(k / 4) * 64 + lane * 4 + k % 4] = row.codes[k];
        else
            codes[(k / 8) * 64 + lane * 4 + k % 4] |= uint8_t(k % 8 < 4 ? row.codes[k] : row.codes[k] << 4);
    }
}

void place_scales(const Panels& to, uint8_t* at, const std::vector<float>& values, int lane) {
    for (int group = 0; group < to.depth / to.group; ++group) {
        size_t index = size_t(group) * LANES + lane;
        if (to.half) {
            uint16_t bits = to_half(values[group]);
            std::memcpy(at + index * 2, &bits, 2);
        } else {
            std::memcpy(at + index * 4, &values[group], 4);
        }
    }
}

void place_values(const Panels& to, uint8_t* at, const Row& row, int lane) {
    for (int k = 0; k < to.inputs; ++k) {
        size_t index = size_t(k) * LANES + lane;
        float value = row.values[k];
        uint16_t bits = to.kind == HALF ? to_half(value) : uint16_t(__builtin_bit_cast(uint32_t, value) >> 16);
        if (to.kind == FULL)
            std::memcpy(at + index * 4, &value, 4);
        else
            std::memcpy(at + index * 2, &bits, 2);
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
    to.panel_bytes = bytes[to.kind] * size_t(to.depth);
    to.scale_bytes = to.kind >= CODES8 ? size_t(to.depth / to.group) * LANES * (to.half ? 2 : 4) : 0;
}

}  // namespace

Panels pack(const Raw& raw, Storage storage) {
    Panels to{};
    describe(to, raw, storage);
    size_t panels = size_t(to.panels), codes = up(panels * to.panel_bytes, 64), scales = up(panels * to.scale_bytes, 64);
    to.bytes = codes + scales * (to.offsets ? 2 : 1);
    to.memory = reserve(to.bytes);
    to.codes = static_cast<uint8_t*>(to.memory);
    to.scales = to.codes + codes;
    to.minima = to.scales + scales;
    Row row;
    row.codes.resize(size_t(to.depth));
    row.values.resize(size_t(to.depth));
    row.scales.resize(size_t(to.depth) / 16);
    row.offsets.resize(size_t(to.depth) / 16);
    for (int output = 0; output < to.outputs; ++output) {
        const uint8_t* from = raw.data + int64_t(output) * raw.stride;
        size_t panel = size_t(output / LANES);
        int lane = output % LANES;
        uint8_t* place = static_cast<uint8_t*>(to.memory) + panel * to.panel_bytes;
        if (to.kind < CODES8) {
            floats(raw.stored, from, raw.inputs, row.values.data());
            place_values(to, place, row, lane);
            continue;
        }
        if (storage == AS_INT8) {
            floats(raw.stored, from, raw.inputs, row.values.data());
            quantise8(row, raw.inputs);
        } else {
            decode(raw.stored, from, raw.inputs, row.codes.data(), row.scales.data(), row.offsets.data());
        }
        place_codes(to, place, row, lane);
        uint8_t* memory = static_cast<uint8_t*>(to.memory);
        place_scales(to, memory + codes + panel * to.scale_bytes, row.scales, lane);
        if (to.offsets) place_scales(to, memory + codes + scales + panel * to.scale_bytes, row.offsets, lane);
    }
    return to;
}

void release(Panels& panels) {
    unreserve(panels.memory, panels.bytes);
    panels.memory = nullptr;
}

}  // namespace jackfield
