// The whole step: every thread runs `work`, which shares out each phase's units and meets the others after it.
#include "decoder.h"

#include <chrono>
#include <cmath>
#include <cstring>

namespace jackfield {

static uint64_t now() {
    return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

void Decoder::done(Phase phase, int thread) {
    pool_.meet();
    if (thread != 0) return;
    uint64_t time = now();
    nanoseconds[phase] += time - clock_;
    clock_ = time;
}

std::string Decoder::step(const StepRows& rows, float* logits, long ld) {
    std::string wrong = check(rows);
    if (!wrong.empty() || rows.rows == 0) return wrong;
    prepare(rows);
    clock_ = now();
    pool_.run([&](int thread) { work(rows, logits, ld, thread); });
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

void Decoder::norm(const float* weight, const Linear& next, int row) {
    kernels_.norm(residual_.as<float>() + row * ld_hidden_, weight, shape_.epsilon, shape_.hidden, next.depth,
                  normed_.as<float>() + row * ld_hidden_);
    quantise(next, normed_rows_, row);
}

void Decoder::linear(const Linear& linear, const Rows& in, int rows, float* y, long ldy, bool add, int thread, int& phase) {
    const auto& units = linear.units(rows);
    float* scratch = scratch_.as<float>() + thread * scratch_floats_;
    counters_[size_t(phase++)].share(int(units.size()), 1, [&](int unit) {
        compute(kernels_, linear, units[size_t(unit)], in, rows, y, ldy, add, scratch);
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
    a.heads = shape_.key_value_heads;
    a.block_size = shape_.block_size;
    a.window = weights.window;
    a.half = shape_.half_cache;
    a.scratch = scratch_.as<float>() + thread * scratch_floats_;
    kernels_.attend(a);
    if (weights.output->codes && group * size % DEPTH == 0)
        for (int row = first; row < first + unit.rows; ++row)
            kernels_.quantise(attended_rows_.x + row * ld_attended_, head * group * size, (head + 1) * group * size, row,
                              attended_rows_.q);
}

void Decoder::attention(const StepRows& rows, size_t index, int thread, int& phase) {
    const LayerWeights& weights = layers[index];
    const int heads = shape_.key_value_heads, units = int(groups_.size()) * heads;
    if (!single_) {
        counters_[size_t(phase++)].share(rows_ * heads, 4, [&](int unit) { rotate(rows, index, unit / heads, unit % heads); });
        done(ROTATE, thread);
    }
    counters_[size_t(phase++)].share(units, 1, [&](int unit) {
        if (single_) rotate(rows, index, unit / heads, unit % heads);
        attend(rows, index, groups_[size_t(unit / heads)], unit % heads, thread);
    });
    done(ATTEND, thread);
    if (weights.output->codes && shape_.heads / heads * shape_.head_size % DEPTH != 0) {
        // a group of 32 inputs spans heads: only now is it whole
        counters_[size_t(phase++)].share(rows_, 1, [&](int row) { quantise(*weights.output, attended_rows_, row); });
        done(ATTEND, thread);
    }
}

// Of the last layer only the rows whose logits are wanted go on: they move to the front.
void Decoder::last(const StepRows& rows, int thread, int&) {
    if (thread == 0) {
        const auto& output = *layers.back().output;
        for (int i = 0; i < rows.wanted_rows; ++i) {
            int row = rows.wanted[i];
            if (row == i) continue;
            std::memcpy(residual_.as<float>() + i * ld_hidden_, residual_.as<float>() + row * ld_hidden_, size_t(ld_hidden_) * 4);
            std::memcpy(attended_.as<float>() + i * ld_attended_, attended_.as<float>() + row * ld_attended_, size_t(ld_attended_) * 4);
            quantise(output, attended_rows_, i);
        }
        rows_ = rows.wanted_rows;
    }
    done(NORM, thread);
}

void Decoder::layer(const StepRows& rows, size_t index, int thread, int& phase) {
    const LayerWeights& weights = layers[index];
    counters_[size_t(phase++)].share(rows_, 1, [&](int row) { norm(weights.attention_norm.data(), *weights.qkv, row); });
    done(NORM, thread);
    linear(*weights.qkv, normed_rows_, rows_, qkv_.as<float>(), ld_qkv_, false, thread, phase);
    done(QKV, thread);
    attention(rows, index, thread, phase);
    if (index + 1 == layers.size()) last(rows, thread, phase);
    linear(*weights.output, attended_rows_, rows_, residual_.as<float>(), ld_hidden_, true, thread, phase);
    done(OUTPUT, thread);
    counters_[size_t(phase++)].share(rows_, 1, [&](int row) { norm(weights.feed_forward_norm.data(), *weights.gate_up, row); });
    done(NORM, thread);
    linear(*weights.gate_up, normed_rows_, rows_, gate_up_.as<float>(), ld_gate_up_, false, thread, phase);
    done(GATE_UP, thread);
    constexpr int width = 256;
    const int pieces = (shape_.feed_forward + width - 1) / width, up = weights.gate_up->segments[1].column;
    counters_[size_t(phase++)].share(rows_ * pieces, 2, [&](int unit) {
        const int row = unit / pieces, from = unit % pieces * width, depth = weights.down->depth;
        const int to = from + width < shape_.feed_forward ? from + width : shape_.feed_forward;
        const float* gate = gate_up_.as<float>() + row * ld_gate_up_;
        kernels_.activate(gate + from, gate + up + from, to - from, activated_.as<float>() + row * ld_activated_ + from);
        if (weights.down->codes)
            kernels_.quantise(activated_rows_.x + row * ld_activated_, from, to == shape_.feed_forward ? depth : to, row,
                              activated_rows_.q);
    });
    done(ACTIVATE, thread);
    linear(*weights.down, activated_rows_, rows_, residual_.as<float>(), ld_hidden_, true, thread, phase);
    done(DOWN, thread);
}

void Decoder::work(const StepRows& rows, float* logits, long ld, int thread) {
    int phase = 0;
    counters_[size_t(phase++)].share(rows_, 1, [&](int row) { embed(rows, row); });
    done(NORM, thread);
    for (size_t index = 0; index < layers.size(); ++index) layer(rows, index, thread, phase);
    counters_[size_t(phase++)].share(rows_, 1, [&](int row) { norm(final_norm.data(), *head, row); });
    done(NORM, thread);
    linear(*head, normed_rows_, rows_, logits, ld, false, thread, phase);
    done(HEAD, thread);
}

}  // namespace jackfield
