// Keys and values of the next layer, fetched while this layer's products are computed.
//
// With many rows products leave memory idle, and attention waits for it. So what a layer attends to is fetched meanwhile, if
// the third cache holds it all: a part of it cost the products more than attention gained.
#include "caches.h"
#include "decoder.h"

#include <algorithm>
#include <stdexcept>

namespace jackfield {

// A layer's products for one row, and how many products of floats take as long for each byte of its weights.
Decoder::Effort Decoder::effort(const LayerWeights& weights) {
    double products = 0, as_floats = 0, bytes = 0;
    for (const Linear* linear : {weights.qkv.get(), weights.output.get(), weights.gate_up.get(), weights.down.get()})
        for (const Segment& segment : linear->segments) {
            const double count = double(segment.panels.depth) * segment.panels.panels * LANES;
            products += count;
            as_floats += segment.integer ? count / 4 : count;
            bytes += double(segment.panels.bytes);
        }
    return {products, bytes > 0 ? as_floats / bytes : 0};
}

// What the layers with the widest window attend to of earlier steps, as pieces of the first layer: a block that several
// sequences share once, what one thread attends to at its home, and what several attend to shared out.
void Decoder::look_ahead() {
    constexpr double idle = 4;  // products of floats for a byte of weights; measured: with fewer, memory is not idle
    for (auto& pieces : pieces_) pieces.clear();
    if (effort(layers.front()).intensity * rows_.rows < idle) return;
    const int heads = shape_.key_value_heads, count = int(groups_.size()), lines = int(2 * part_bytes_ / LINE);
    double room = ahead_room;
    seen_.resize(size_t(shape_.blocks));
    ++step_;
    for (int group = 0, home = 0; group < count; ++group) {
        while (group * heads >= begins(count * heads, homes_, home + 1)) ++home;  // as attention is shared out
        const int row = groups_[size_t(group)].first, line = rows_.lines[row], end = rows_.positions[row];
        if (row > 0 && rows_.lines[row - 1] == line) continue;  // later rows of the same sequence
        const bool single = group + 1 == count || rows_.lines[groups_[size_t(group) + 1].first] != line;
        const bool alone = single && (group + 1) * heads <= begins(count * heads, homes_, home + 1);
        const int from = window_ > 0 ? std::max(0, end - window_ + 1) : 0;
        const int32_t* table = rows_.tables + long(line) * rows_.table_blocks;
        // no block that begins in this step: what is written only now would be taken from the cache of who writes it
        for (int number = from / shape_.block_size; number * shape_.block_size < end; ++number) {
            const size_t block = size_t(table[number]);
            if (seen_[block] == step_) continue;
            seen_[block] = step_;
            room -= double(lines) * LINE;
            if (room < 0) {
                for (auto& pieces : pieces_) pieces.clear();
                return;
            }
            pieces_[size_t(alone ? home : number % homes_)].push_back({block * block_bytes_, lines});
        }
    }
    for (auto& pieces : pieces_) std::reverse(pieces.begin(), pieces.end());  // what is wanted first is fetched last
}

// From here on `way` fetches what layer `index` attends to, spread over a layer's products.
void Decoder::fetch_next(Way& way, size_t index) {
    way.ahead = {};
    if (index >= layers.size() || layers[index].window != window_ || way.thread >= homes_) return;
    const auto& pieces = pieces_[size_t(way.thread)];
    if (pieces.empty()) return;
    const double products = effort(layers[index]).products * way.live / pool_.threads();
    const double lines = double(pieces.size()) * pieces.front().lines;
    way.ahead = {static_cast<const char*>(cached(false, index, 0, 0, 0)), pieces.data(), pieces.size(), lines, products};
}

std::vector<int> Decoder::ahead(const StepRows& rows, int home) {
    std::vector<int> blocks;
    const std::string wrong = check(rows);
    if (!wrong.empty() || home < 0 || home >= homes_) throw std::invalid_argument(wrong.empty() ? "there is no such home" : wrong);
    pool_.settle();
    rows_ = rows;
    prepare();
    for (const Piece& piece : pieces_[size_t(home)]) blocks.push_back(int(piece.at / block_bytes_));
    return blocks;
}

}  // namespace jackfield
