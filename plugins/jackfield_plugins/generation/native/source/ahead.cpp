// Keys and values of the next layer, fetched while this layer's products are computed.
//
// With many rows products leave memory idle, and attention waits for it. So what a layer attends to is fetched meanwhile, if
// the third cache holds it all: a part of it cost the products more than attention gained.
#include "decoder.h"

#include <algorithm>
#include <unistd.h>

namespace jackfield {

// Bytes of a layer's keys and values that are fetched at most: three eighths of the third cache, which others share.
static double room() {
    static const long bytes = [] {
        const long third = sysconf(_SC_LEVEL3_CACHE_SIZE);
        return third > 0 ? third / 8 * 3 : 8L << 20;
    }();
    return double(std::min(bytes, 12L << 20));
}

// A layer's products for one row, and how many of floats take as long for each byte of its weights.
Decoder::Effort Decoder::effort(const LayerWeights& weights) {
    double products = 0, long_as = 0, bytes = 0;
    for (const Linear* linear : {weights.qkv.get(), weights.output.get(), weights.gate_up.get(), weights.down.get()})
        for (const Segment& segment : linear->segments) {
            const double count = double(segment.panels.depth) * segment.panels.panels * LANES;
            products += count;
            long_as += segment.integer ? count / 4 : count;
            bytes += double(segment.panels.bytes);
        }
    return {products, bytes > 0 ? long_as / bytes : 0};
}

// The pieces of each home's sequences, of the first layer.
void Decoder::look_ahead() {
    constexpr double idle = 4;  // products of floats for a byte of weights; measured: with fewer, memory is not idle
    const Effort effort = this->effort(layers.front());
    for (auto& home : homes_ahead_) home.clear();
    if (effort.intensity * rows_.rows < idle) return;
    const int window = widest(), count = int(groups_.size()), lines = int(2 * part_bytes_ / LINE);
    double bytes = 0;
    for (int home = 0; home < homes_; ++home) {
        auto& pieces = homes_ahead_[size_t(home)];
        for (int group = begins(count, homes_, home); group < begins(count, homes_, home + 1); ++group) {
            const int first = groups_[size_t(group)].first, line = rows_.lines[first];
            if (first > 0 && rows_.lines[first - 1] == line) continue;  // a sequence's later rows
            // not what this step writes: fetched, it would have to be taken back from the other thread's cache
            const int end = rows_.positions[first], from = window > 0 ? std::max(0, end - window + 1) : 0;
            const int32_t* table = rows_.tables + long(line) * rows_.table_blocks;
            for (int block = from / shape_.block_size; block * shape_.block_size < end; ++block)
                pieces.push_back({size_t(table[block]) * block_bytes_, lines});
        }
        std::reverse(pieces.begin(), pieces.end());  // what attention begins with comes last, and is nearest
        bytes += double(pieces.size()) * lines * LINE;
    }
    if (bytes > room())
        for (auto& home : homes_ahead_) home.clear();
}

// From here on `way` fetches what layer `index` attends to, spread over as many products as there are until then.
void Decoder::fetch_next(Way& way, size_t index) {
    way.ahead = {};
    if (index >= layers.size() || way.thread >= homes_) return;
    const auto& pieces = homes_ahead_[size_t(way.thread)];
    const double lines = double(pieces.size()) * double(2 * part_bytes_ / LINE);
    const double products = effort(layers[index]).products * way.live / homes_;
    way.ahead = Ahead(static_cast<const char*>(cached(false, index, 0, 0, 0)), pieces.data(), pieces.size(), lines, products);
}

}  // namespace jackfield
