// The decoder's memory: the pool of KV blocks, and what a step works in.
#include "decoder.h"
#include "pages.h"

#include <algorithm>
#include <cstring>

namespace jackfield {

// Bytes of the pool that are touched before they are used: thousands of tokens.
static constexpr size_t FILLED_AHEAD = size_t(512) << 20;

static long padded(long size) {
    long depth = (size + DEPTH - 1) / DEPTH * DEPTH;
    return depth % 256 == 0 ? depth + 16 : depth;  // rows a multiple of a page apart would share sets of the cache
}

Block::~Block() { unreserve(memory_, bytes_); }

void Block::fit(size_t bytes) {
    if (bytes <= bytes_) return;
    unreserve(memory_, bytes_);
    memory_ = nullptr;
    bytes_ = 0;
    size_t wanted = bytes + bytes / 2;
    memory_ = reserve(wanted);
    bytes_ = wanted;
}

Decoder::Decoder(const Shape& shape, const float* frequencies, const Kernels& kernels, std::vector<int> processors)
    : shape_(shape),
      frequencies_(frequencies, frequencies + shape.head_size / 2),
      kernels_(kernels),
      pool_(shape.threads, std::move(processors)),
      homes_(std::min(shape.threads, int32_t(Phase::HOMES))),
      element_(shape.half_cache ? 2 : 4),
      part_bytes_(size_t(shape.key_value_heads) * size_t(shape.block_size) * size_t(shape.head_size) * element_),
      block_bytes_(2 * part_bytes_ * size_t(shape.layers)),
      ld_hidden_(padded(shape.hidden)),
      ld_attended_(padded(long(shape.heads) * shape.head_size)),
      ld_activated_(padded(shape.feed_forward)) {
    cache_bytes_ = block_bytes_ * size_t(shape.blocks);
    cache_ = reserve(cache_bytes_);
    filler_ = std::make_unique<Filler>(cache_, cache_bytes_, FILLED_AHEAD);
    layers.resize(size_t(shape.layers));
    pieces_.resize(size_t(homes_));
}

Decoder::~Decoder() {
    pool_.settle();  // a thread that came last may still look at the phases
    filler_.reset();
    unreserve(cache_, cache_bytes_);
}

void* Decoder::cached(bool values, size_t layer, int block, int head, int position) const {
    size_t size = size_t(shape_.head_size), inside = size_t(position) % size_t(shape_.block_size);
    size_t at = (size_t(head) * size_t(shape_.block_size) + inside / LANES * LANES) * size;
    at += values ? inside % LANES * size : inside % LANES;
    return static_cast<char*>(cache_) + size_t(block) * block_bytes_ + (layer * 2 + values) * part_bytes_ + at * element_;
}

void Decoder::copy(const int32_t* pairs, int count) {
    char* base = static_cast<char*>(cache_);
    for (int i = 0; i < count; ++i)
        std::memmove(base + size_t(pairs[2 * i + 1]) * block_bytes_, base + size_t(pairs[2 * i]) * block_bytes_, block_bytes_);
}

static Rows rows_in(float* x, long ldx, Block& block, int rows, int inputs, bool sixteens) {
    size_t depth = size_t(inputs + DEPTH - 1) / DEPTH * DEPTH;
    block.fit(quantised_bytes(size_t(rows), depth));
    return {x, ldx, quantised_in(block.as<uint8_t>(), size_t(rows), depth, sixteens)};
}

void Decoder::prepare() {
    const StepRows& rows = rows_;
    const size_t count = size_t(rows.rows), floats = sizeof(float);
    const LayerWeights& first = layers.front();
    bool sixteens = head->sixteens;
    for (auto& layer : layers)
        for (auto* linear : {&layer.qkv, &layer.output, &layer.gate_up, &layer.down}) sixteens |= (*linear)->sixteens;
    ld_qkv_ = first.qkv->columns;
    residual_.fit(count * size_t(ld_hidden_) * floats);
    normed_.fit(count * size_t(ld_hidden_) * floats);
    qkv_.fit(count * size_t(ld_qkv_) * floats);
    attended_.fit(count * size_t(ld_attended_) * floats);
    activated_.fit(count * size_t(ld_activated_) * floats);
    angles_.fit(count * size_t(shape_.head_size) * floats);
    normed_rows_ = rows_in(normed_.as<float>(), ld_hidden_, quantised_[0], rows.rows, shape_.hidden, sixteens);
    attended_rows_ = rows_in(attended_.as<float>(), ld_attended_, quantised_[1], rows.rows,
                             shape_.heads * shape_.head_size, sixteens);
    activated_rows_ = rows_in(activated_.as<float>(), ld_activated_, quantised_[2], rows.rows, shape_.feed_forward,
                              sixteens);
    constexpr int together = 8;
    long queries = long(together) * shape_.heads / shape_.key_value_heads * (shape_.head_size + LANES + 2);
    const long linear = std::max(LINEAR_SCRATCH, ld_hidden_) + GATED_ROWS * GATED_FLOATS;
    scratch_floats_ = (std::max(queries, linear) + 31) / 16 * 16;
    scratch_.fit(size_t(scratch_floats_) * floats * size_t(pool_.threads()));

    int last = 0;
    for (int row = 0; row < rows.rows; ++row)
        last = std::max(last, rows.tables[long(rows.lines[row]) * rows.table_blocks + rows.positions[row] / shape_.block_size]);
    filler_->reach(size_t(last + 1) * block_bytes_);

    groups_.clear();
    for (int row = 0; row < rows.rows; ++row) {
        bool goes_on = row > 0 && rows.lines[row] == rows.lines[row - 1] && groups_.back().rows < together;
        if (goes_on)
            ++groups_.back().rows;
        else
            groups_.push_back({row, 1});
    }
    single_ = true;
    for (int row = 1; row < rows.rows; ++row) single_ = single_ && rows.lines[row] != rows.lines[row - 1];
    window_ = widest();
    look_ahead();
    const size_t phases = 12 * layers.size() + 8;
    if (phases_.size() != phases) phases_ = std::vector<Phase>(phases);
    for (auto& phase : phases_) phase.reset();
}

// The positions that every layer sees at most, with a row's own; 0 where one sees all.
int Decoder::widest() const {
    int window = 0;
    for (auto& layer : layers) {
        if (layer.window == 0) return 0;
        window = std::max(window, layer.window);
    }
    return window;
}

std::string Decoder::check(const StepRows& rows) const {
    auto said = [](const char* what, long row, long given) {
        return std::string(what) + " of row " + std::to_string(row) + " is " + std::to_string(given);
    };
    const int window = widest();
    for (int row = 0; row < rows.rows; ++row) {
        int token = rows.tokens[row], position = rows.positions[row], line = rows.lines[row];
        if (token < 0 || token >= shape_.vocabulary)
            return said("token", row, token) + ", the vocabulary is " + std::to_string(shape_.vocabulary);
        if (line < 0 || line >= rows.table_lines)
            return said("line", row, line) + ", the tables have " + std::to_string(rows.table_lines);
        if (position < 0 || position >= long(rows.table_blocks) * shape_.block_size)
            return said("position", row, position) + ", which its block table does not reach";
        bool follows = row > 0 && rows.lines[row - 1] == line;
        if (follows && position != rows.positions[row - 1] + 1)
            return said("position", row, position) + ", it does not follow that of the row before";
        if (row + 1 < rows.rows && rows.lines[row + 1] == line) continue;
        int lowest = position;
        for (int other = row; other >= 0 && rows.lines[other] == line; --other) lowest = rows.positions[other];
        int from = window > 0 && lowest >= window ? lowest - window + 1 : 0;
        const int32_t* table = rows.tables + long(line) * rows.table_blocks;
        for (int block = from / shape_.block_size; block <= position / shape_.block_size; ++block)
            if (table[block] < 0 || table[block] >= shape_.blocks)
                return said("block", row, table[block]) + ", the pool has " + std::to_string(shape_.blocks);
    }
    for (int i = 0; i < rows.wanted_rows; ++i)
        if (rows.wanted[i] < 0 || rows.wanted[i] >= rows.rows || (i > 0 && rows.wanted[i] <= rows.wanted[i - 1]))
            return "wanted rows are not ascending rows of the step";
    return {};
}

}  // namespace jackfield
