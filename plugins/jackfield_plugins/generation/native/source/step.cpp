// The whole step: every thread runs `work`, which takes part in one phase after the other.
#include "decoder.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace jackfield {

static uint64_t now() {
    using namespace std::chrono;
    return uint64_t(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

template <class Work> void Decoder::share(Way& way, Part part, int units, int grain, Work&& work) {
    phases_[size_t(way.phase++)].share(units, homes_, way.thread % homes_, grain, way.patience, work);
    if (way.thread != 0) return;
    uint64_t time = now();
    nanoseconds[part] += time - way.clock;
    way.clock = time;
}

std::string Decoder::step(const StepRows& rows, float* logits, long ld) {
    std::string wrong = check(rows);
    if (!wrong.empty() || rows.rows == 0) return wrong;
    pool_.settle();
    rows_ = rows;
    prepare();
    pool_.run([this, logits, ld](int thread) {
        Way way{rows_, thread, rows_.rows};
        way.clock = now();
        work(way, logits, ld);
    });
    return {};
}

void Decoder::embed(const StepRows& rows, int row) {
    float* x = residual_.as<float>() + row * ld_hidden_;
    floats(embedding.stored, embedding.data + int64_t(rows.tokens[row]) * embedding.stride, shape_.hidden, x);
    for (long i = shape_.hidden; i < ld_hidden_; ++i) x[i] = 0;
    const int half = shape_.head_size / 2;
    float* cosine = angles_.as<float>() + long(row) * shape_.head_size;
    for (int i = 0; i < half; ++i) {
        float angle = float(rows.positions[row]) * frequencies_[size_t(i)];
        cosine[i] = std::cos(angle) * shape_.rope_factor;
        cosine[half + i] = std::sin(angle) * shape_.rope_factor;
    }
}

void Decoder::quantise(const Linear& next, const Rows& rows, int row) const {
    if (next.codes) kernels_.quantise(rows.x + row * rows.ldx, 0, next.depth, row, rows.q);
}

// Floats that nobody reads stay where they are overwritten soon.
void Decoder::norm(const float* weight, const Linear& next, int row, int thread) {
    float* out = next.floats ? normed_.as<float>() + row * ld_hidden_ : scratch_.as<float>() + thread * scratch_floats_;
    kernels_.norm(residual_.as<float>() + row * ld_hidden_, weight, shape_.epsilon, shape_.hidden, next.depth, out);
    if (next.codes) kernels_.quantise(out, 0, next.depth, row, normed_rows_.q);
}

// Into how many runs of rows a product is cut: with enough rows each thread works on its own through all phases, so that
// it finds them in its cache, and weights are read by every thread; with few, threads share the weights out.
int Decoder::cuts(int rows, const Linear& linear) const {
    return rows >= homes_ * (linear.floats ? 64 : 32) ? homes_ : 1;
}

void Decoder::linear(Way& way, Part part, const Linear& linear, const Rows& in, float* y, long ldy, bool add) {
    const auto& units = linear.units(way.live);
    float* scratch = scratch_.as<float>() + way.thread * scratch_floats_;
    const int count = way.live > 0 ? int(units.size()) : 0, cuts = part == HEAD ? 1 : this->cuts(way.live, linear);
    share(way, part, count * cuts, 1, [&](int unit) {
        const Unit& here = units[size_t(unit % count)];
        const int from = begins(way.live, cuts, unit / count), to = begins(way.live, cuts, unit / count + 1);
        const size_t then = size_t(unit % count + linear.ahead());
        const uint8_t* next = then < units.size() ? linear.weights(units[then]) : nullptr;
        float* out = y + from * ldy + linear.column(here);
        compute(kernels_, linear, here, in, {from, to - from}, out, ldy, add, scratch, next, &way.ahead);
    });
}

void Decoder::rotate(const StepRows& rows, size_t index, int row, int head) {
    const LayerWeights& weights = layers[index];
    const int size = shape_.head_size, group = shape_.heads / shape_.key_value_heads, position = rows.positions[row];
    const int block = rows.tables[long(rows.lines[row]) * rows.table_blocks + position / shape_.block_size];
    float* out = qkv_.as<float>() + row * ld_qkv_;
    const auto& parts = weights.qkv->segments;
    Rotation r{};
    r.q = out + parts[0].column + long(head) * group * size;
    r.k = out + parts[1].column + long(head) * size;
    r.v = out + parts[2].column + long(head) * size;
    r.cosine = angles_.as<float>() + long(row) * size;
    r.sine = r.cosine + size / 2;
    r.query_norm = weights.query_norm.empty() ? nullptr : weights.query_norm.data();
    r.key_norm = weights.key_norm.empty() ? nullptr : weights.key_norm.data();
    r.epsilon = shape_.epsilon;
    r.scale = 1.0f / std::sqrt(float(size));
    r.pairs = shape_.pairs;
    r.half = shape_.half_cache;
    r.keys = cached(false, index, block, head, position);
    r.values = cached(true, index, block, head, position);
    r.group = group;
    r.head_size = size;
    kernels_.rotate(r);
}

void Decoder::attend(const StepRows& rows, size_t index, const Group& unit, int head, int thread) {
    const LayerWeights& weights = layers[index];
    const int size = shape_.head_size, group = shape_.heads / shape_.key_value_heads, first = unit.first;
    Attention a{};
    a.q = qkv_.as<float>() + first * ld_qkv_ + long(head) * group * size;
    a.ldq = ld_qkv_;
    a.out = attended_.as<float>() + first * ld_attended_ + long(head) * group * size;
    a.ldo = ld_attended_;
    a.keys = cached(false, index, 0, 0, 0);
    a.values = cached(true, index, 0, 0, 0);
    a.table = rows.tables + long(rows.lines[first]) * rows.table_blocks;
    a.positions = rows.positions + first;
    a.rows = unit.rows;
    a.group = group;
    a.head_size = size;
    a.head = head;
    a.stride = long(block_bytes_ / element_);
    a.block_size = shape_.block_size;
    a.window = weights.window;
    a.half = shape_.half_cache;
    a.next = head + 1 < shape_.key_value_heads ? head + 1 : -1;
    a.scratch = scratch_.as<float>() + thread * scratch_floats_;
    kernels_.attend(a);
    if (weights.output->codes && group * size % DEPTH == 0)
        for (int row = first; row < first + unit.rows; ++row)
            kernels_.quantise(attended_rows_.x + row * ld_attended_ + head * group * size, head * group * size,
                              (head + 1) * group * size, row, attended_rows_.q);
}

void Decoder::attention(Way& way, size_t index) {
    const StepRows& rows = way.rows;
    const LayerWeights& weights = layers[index];
    const int heads = shape_.key_value_heads, units = int(groups_.size()) * heads;
    if (!single_) share(way, ROTATE, way.live * heads, 4, [&](int unit) { rotate(rows, index, unit / heads, unit % heads); });
    share(way, ATTEND, units, units >= 8 * heads * pool_.threads() ? heads : 1, [&](int unit) {
        if (single_) rotate(rows, index, unit / heads, unit % heads);
        attend(rows, index, groups_[size_t(unit / heads)], unit % heads, way.thread);
    });
    if (weights.output->codes && shape_.heads / heads * shape_.head_size % DEPTH != 0)
        // a group of 32 inputs spans heads: only now is it whole
        share(way, ATTEND, way.live, 1, [&](int row) { quantise(*weights.output, attended_rows_, row); });
}

// Of the last layer only the rows whose logits are wanted go on: they move to the front.
void Decoder::last(Way& way) {
    const StepRows& rows = way.rows;
    share(way, NORM, 1, 1, [&](int) {
        for (int i = 0; i < rows.wanted_rows; ++i) {
            const int row = rows.wanted[i];
            if (row == i) continue;
            float *x = residual_.as<float>(), *attended = attended_.as<float>();
            std::memcpy(x + i * ld_hidden_, x + row * ld_hidden_, size_t(ld_hidden_) * sizeof(float));
            std::memcpy(attended + i * ld_attended_, attended + row * ld_attended_, size_t(ld_attended_) * sizeof(float));
            quantise(*layers.back().output, attended_rows_, i);
        }
    });
    way.live = rows.wanted_rows;
}

// Some panels of gate and of up, activated and quantised while they are near: they are never written whole.
void Decoder::activate(const Linear& gate_up, const Linear& down, Range panels, Range rows, float* scratch, Ahead* ahead) {
    const int width = panels.count * LANES, from = panels.from * LANES;
    float* gate = scratch + scratch_floats_ - GATED_ROWS * GATED_FLOATS;
    const int then = panels.from + gate_up.ahead() * panels.count;
    const uint8_t* next[] = {gate_up.weights({1, panels.from, 2}), gate_up.weights({0, then, 2})};
    for (int segment = 0; segment < 2; ++segment)
        compute(kernels_, gate_up, {segment, panels.from, panels.count}, normed_rows_, rows, gate + segment * width, 2 * width,
                false, scratch, next[segment], ahead);
    for (int i = 0; i < rows.count; ++i) {
        const int row = rows.from + i;
        float* one = gate + i * 2 * width;
        float* out = down.floats ? activated_.as<float>() + row * ld_activated_ + from : one;
        kernels_.activate(one, one + width, width, out);
        if (down.codes) kernels_.quantise(out, from, from + width, row, activated_rows_.q);
    }
}

void Decoder::gated(Way& way, const Linear& gate_up, const Linear& down) {
    const int panels = gate_up.segments[0].panels.panels, each = way.live == 1 ? 4 : 2;
    float* scratch = scratch_.as<float>() + way.thread * scratch_floats_;
    const int units = way.live > 0 ? (panels + each - 1) / each : 0, cuts = this->cuts(way.live, gate_up);
    share(way, GATE_UP, units * cuts, 1, [&](int unit) {
        const int first = unit % units * each, count = std::min(each, panels - first);
        const int to = begins(way.live, cuts, unit / units + 1);
        for (int row = begins(way.live, cuts, unit / units); row < to; row += GATED_ROWS)
            activate(gate_up, down, {first, count}, {row, std::min(GATED_ROWS, to - row)}, scratch, &way.ahead);
    });
}

void Decoder::layer(Way& way, size_t index) {
    const LayerWeights& weights = layers[index];
    float* residual = residual_.as<float>();
    share(way, NORM, way.live, 1, [&](int row) { norm(weights.attention_norm.data(), *weights.qkv, row, way.thread); });
    linear(way, QKV, *weights.qkv, normed_rows_, qkv_.as<float>(), ld_qkv_, false);
    attention(way, index);
    fetch_next(way, index + 1);
    if (index + 1 == layers.size()) last(way);
    linear(way, OUTPUT, *weights.output, attended_rows_, residual, ld_hidden_, true);
    share(way, NORM, way.live, 1, [&](int row) { norm(weights.feed_forward_norm.data(), *weights.gate_up, row, way.thread); });
    gated(way, *weights.gate_up, *weights.down);
    linear(way, DOWN, *weights.down, activated_rows_, residual, ld_hidden_, true);
}

void Decoder::work(Way& way, float* logits, long ld) {
    share(way, NORM, way.live, 1, [&](int row) { embed(way.rows, row); });
    for (size_t index = 0; index < layers.size(); ++index) layer(way, index);
    share(way, NORM, way.live, 1, [&](int row) { norm(final_norm.data(), *head, row, way.thread); });
    linear(way, HEAD, *head, normed_rows_, logits, ld, false);
}

}  // namespace jackfield
