#include "drawing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace jackfield {

constexpr float NOTHING = -std::numeric_limits<float>::infinity();
constexpr float SHALLOW = 7;  // powers of two below the largest, as far as a nucleus is looked for first
constexpr float LIGHTEST = 46;  // powers of two below the largest, at which weights are zero
constexpr int FEW = 32, TURNS = 50;  // candidates that are sorted, and halvings until then

// Larger where the logit is, and where that is equal, where the place is lower.
static uint64_t key_of(float logit, int32_t place) {
    int32_t bits;
    const float plain = logit + 0.0f;  // no negative zero
    std::memcpy(&bits, &plain, 4);
    const uint32_t ordered = uint32_t(bits < 0 ? ~bits : bits | int32_t(0x80000000));
    return uint64_t(ordered) << 32 | ~uint32_t(place);
}

static int64_t share(double part, int64_t total) { return std::min(int64_t(part * double(total)), total); }

Row::Row(const float* row, int size, const RowKernels& kernels, Scratch& scratch)
    : row_(row), size_(size), whole_(size / CHUNK), chunks_((size + CHUNK - 1) / CHUNK), kernels_(kernels), scratch_(scratch) {
    if (chunks_ > whole_) {
        std::fill(scratch.tail.begin(), scratch.tail.end(), NOTHING);
        std::copy(row + whole_ * CHUNK, row + size, scratch.tail.begin());
    }
    bool broken = false;
    for (int number = 0; number < chunks_; ++number)
        broken |= kernels.survey(chunk(number), &scratch.lanes[size_t(number * LANES_OF_CHUNK)], &scratch.chunk_tops[size_t(number)]);
    top_ = *std::max_element(scratch.chunk_tops.begin(), scratch.chunk_tops.end());
    finite_ = !broken && std::isfinite(top_);
}

int32_t Row::largest() const {
    const std::vector<float>& tops = scratch_.chunk_tops;
    const int number = int(std::find(tops.begin(), tops.end(), top_) - tops.begin());
    const float* part = chunk(number);
    return int32_t(number * CHUNK + (std::find(part, part + CHUNK, top_) - part));
}

int64_t Row::total(float scale) {
    int64_t total = 0;
    for (int number = 0; number < chunks_; ++number) {
        const bool counts = (chunk_top(number) - top_) * scale > -LIGHTEST;
        const int64_t sum = counts ? kernels_.sum(chunk(number), top_, scale) : 0;
        scratch_.sums[size_t(number)] = sum;
        total += sum;
    }
    return total;
}

int Row::collect(float bound) {
    int count = 0;
    for (int number = 0; number < chunks_; ++number)
        if (chunk_top(number) >= bound)
            count += kernels_.collect(chunk(number), bound, number * CHUNK, scratch_.logits.data() + count,
                                      scratch_.places.data() + count);
    while (count && scratch_.places[size_t(count - 1)] >= size_) --count;  // the tail's filling, if nothing is too small
    return count;
}

int Row::best(int wanted) {
    // of so many parts the largest ones are at least that large; parts are chunks, or lanes of chunks
    float bound = NOTHING;
    if (wanted <= chunks_ * LANES_OF_CHUNK) {
        std::vector<float>& parts = scratch_.parts;
        parts = wanted <= chunks_ ? scratch_.chunk_tops : scratch_.lanes;
        std::nth_element(parts.begin(), parts.begin() + (wanted - 1), parts.end(), std::greater<>());
        bound = parts[size_t(wanted - 1)];
    }
    const int count = collect(bound);
    if (count <= wanted) return count;
    std::vector<uint64_t>& keys = scratch_.keys;
    keys.clear();
    for (int i = 0; i < count; ++i) keys.push_back(key_of(scratch_.logits[size_t(i)], scratch_.places[size_t(i)]));
    std::nth_element(keys.begin(), keys.begin() + (wanted - 1), keys.end(), std::greater<>());
    const uint64_t border = keys[size_t(wanted - 1)];
    int kept = 0;
    for (int i = 0; i < count; ++i) {
        const float logit = scratch_.logits[size_t(i)];
        const int32_t place = scratch_.places[size_t(i)];
        if (key_of(logit, place) < border) continue;
        scratch_.logits[size_t(kept)] = logit;
        scratch_.places[size_t(kept++)] = place;
    }
    return kept;
}

void Row::weigh(int count, float scale) {
    const int end = (count + CHUNK - 1) / CHUNK * CHUNK;
    std::fill(scratch_.logits.begin() + count, scratch_.logits.begin() + end, NOTHING);
    for (int from = 0; from < end; from += CHUNK)
        kernels_.weigh(scratch_.logits.data() + from, top_, scale, scratch_.weights.data() + from);
}

// Of the first `count` candidates, which have weights and hold all that is larger than any that is not among them: the
// fewest of the largest that weigh `wanted` together. Returns how many are left; those of them that are none weigh nothing.
int Row::nucleus(int count, int64_t wanted, float scale) {
    wanted = std::max(wanted, int64_t(1));
    // what reaches `low` weighs enough, what reaches `high` does not: they are brought together until few are between
    float low = NOTHING, high = -NOTHING, deep = LIGHTEST + 1, shallow = 0;
    int reach_low = count, reach_high = 0;
    int64_t above = 0;
    for (int turn = 0; turn < TURNS && reach_low - reach_high > FEW; ++turn) {
        const float depth = (deep + shallow) / 2, bound = top_ - depth / scale;
        int64_t sum;
        const int reach = kernels_.reach(scratch_.logits.data(), scratch_.weights.data(), count, bound, &sum);
        (sum >= wanted ? deep : shallow) = depth;
        (sum >= wanted ? low : high) = bound;
        (sum >= wanted ? reach_low : reach_high) = reach;
        if (sum < wanted) above = sum;
    }
    count = kernels_.narrow(scratch_.logits.data(), scratch_.places.data(), count, low);
    weigh(count, scale);
    std::vector<Candidate>& between = scratch_.between;
    between.clear();
    for (int i = 0; i < count; ++i)
        if (scratch_.logits[size_t(i)] < high) between.push_back({key_of(scratch_.logits[size_t(i)], scratch_.places[size_t(i)]), i});
    std::sort(between.begin(), between.end(), [](const Candidate& a, const Candidate& b) { return a.key > b.key; });
    for (const Candidate& one : between) {
        int64_t& weight = scratch_.weights[size_t(one.at)];
        if (above >= wanted) weight = 0;
        above += weight;
    }
    return count;
}

int Row::heavy(int count, int64_t least) {
    int kept = 0;
    for (int i = 0; i < count; ++i) {
        if (scratch_.weights[size_t(i)] < least) continue;
        scratch_.places[size_t(kept)] = scratch_.places[size_t(i)];
        scratch_.weights[size_t(kept++)] = scratch_.weights[size_t(i)];
    }
    return kept;
}

// Where the running sum of the candidates' weights passes `chance` of the whole.
int32_t Row::drawn(int count, double chance) const {
    int64_t total = 0;
    for (int i = 0; i < count; ++i) total += scratch_.weights[size_t(i)];
    const int64_t goal = std::min(share(chance, total), total - 1);
    int64_t sum = 0;
    int at = 0;
    while ((sum += scratch_.weights[size_t(at)]) <= goal) ++at;
    return scratch_.places[size_t(at)];
}

int32_t Row::drawn_of_all(int64_t total, double chance, float scale) {
    int64_t left = std::min(share(chance, total), total - 1);
    int number = 0;
    while (scratch_.sums[size_t(number)] <= left) left -= scratch_.sums[size_t(number++)];
    kernels_.weigh(chunk(number), top_, scale, scratch_.weights.data());
    int at = 0;
    while (scratch_.weights[size_t(at)] <= left) left -= scratch_.weights[size_t(at++)];
    return int32_t(number * CHUNK + at);
}

int32_t Row::draw(const Asked& asked) {
    const float scale = asked.scale;
    const double chance = uniform(asked.seed, asked.lane, asked.said);
    int count;
    if (asked.top_k > 0 && asked.top_k < size_) {
        count = best(asked.top_k);
        weigh(count, scale);
        if (asked.top_p < 1) {
            int64_t total = 0;
            for (int i = 0; i < count; ++i) total += scratch_.weights[size_t(i)];
            count = nucleus(count, share(asked.top_p, total), scale);
        }
    } else if (asked.top_p < 1) {
        const int64_t all = total(scale), wanted = share(asked.top_p, all);
        // all that lies deeper than `enough` weighs no more than may be left out
        const float left = std::max(float(all - wanted) / float(ONE), 1e-9f), enough = std::log2(float(size_) / left) + 1;
        int64_t sum = 0;
        for (float depth : {SHALLOW, enough, LIGHTEST + 1}) {
            count = collect(top_ - depth / scale);
            weigh(count, scale);
            sum = 0;
            for (int i = 0; i < count; ++i) sum += scratch_.weights[size_t(i)];
            if (sum >= wanted) break;
        }
        count = nucleus(count, wanted, scale);
    } else if (asked.least > 0) {
        // a little lower than need be, for all that is rounded
        const float bound = top_ + (std::log2((float(asked.least) - 0.5f) / float(ONE)) - 0.01f) / scale;
        count = collect(bound - 1e-6f * (std::abs(top_) + std::abs(bound)));
        weigh(count, scale);
    } else {
        return drawn_of_all(total(scale), chance, scale);
    }
    if (asked.least > 0) count = heavy(count, asked.least);
    return drawn(count, chance);
}

double uniform(uint64_t seed, uint32_t lane, uint32_t place) {
    uint32_t c[4] = {place, lane, 0, 0}, k[2] = {uint32_t(seed), uint32_t(seed >> 32)};
    for (int turn = 0; turn < 10; ++turn) {
        const uint64_t first = uint64_t(c[0]) * 0xD2511F53u, second = uint64_t(c[2]) * 0xCD9E8D57u;
        const uint32_t next[4] = {uint32_t(second >> 32) ^ c[1] ^ k[0], uint32_t(second), uint32_t(first >> 32) ^ c[3] ^ k[1],
                                  uint32_t(first)};
        std::memcpy(c, next, sizeof(c));
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return (double(c[0] >> 5) * double(1 << 26) + double(c[1] >> 6)) / double(int64_t(1) << 53);
}

}  // namespace jackfield
