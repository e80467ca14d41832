#include "sampling.h"

#include "drawing.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

namespace jackfield {

Scratch::Scratch(int vocabulary) : tail(CHUNK) {
    const size_t chunks = size_t(vocabulary + CHUNK - 1) / CHUNK, places_wanted = (chunks + 1) * CHUNK;
    lanes.resize(chunks * LANES_OF_CHUNK);
    chunk_tops.resize(chunks);
    sums.resize(chunks);
    logits.resize(places_wanted);
    places.resize(places_wanted);
    weights.resize(places_wanted);
}

Sampler::Sampler(int vocabulary, int threads, const RowKernels& kernels)
    : vocabulary_(vocabulary), kernels_(kernels), scratch_(size_t(threads), Scratch(vocabulary)), patience_(size_t(threads)),
      pool_(threads, {}) {}

void Sampler::choose(float* logits, long ld, const int64_t* rows, const Asked* const* asked, int count, int64_t* tokens,
                     const Likely& likely) {
    pool_.settle();
    phase_.reset();
    pool_.run([=, this, &likely](int thread) {
        phase_.share(count, 1, patience_[size_t(thread)], [&](int place) {
            one(logits + rows[place] * ld, asked ? asked[place] : nullptr, tokens + place, likely, place,
                scratch_[size_t(thread)]);
        });
    });
    pool_.settle();  // `likely` is the caller's
}

// Penalties, biases and bans, in this order: see sampling/adjust.py.
static void change(float* row, const Asked& asked, std::vector<float>& before) {
    before.clear();
    for (int i = 0; i < asked.penalised_count; ++i) {
        float& logit = row[asked.penalised[i]];
        before.push_back(logit);
        float changed = logit > 0 ? logit / asked.repetition : logit * asked.repetition;
        changed -= asked.frequency * asked.counts[i];
        logit = changed - asked.presence * float(asked.counts[i] > 0);
    }
    for (int i = 0; i < asked.biased_count; ++i) {
        before.push_back(row[asked.biased[i]]);
        row[asked.biased[i]] += asked.biases[i];
    }
    for (int i = 0; i < asked.banned_count; ++i) {
        before.push_back(row[asked.banned[i]]);
        row[asked.banned[i]] = -std::numeric_limits<float>::infinity();
    }
}

static void restore(float* row, const Asked& asked, const std::vector<float>& before) {
    size_t at = before.size();
    for (int i = asked.banned_count; i--;) row[asked.banned[i]] = before[--at];
    for (int i = asked.biased_count; i--;) row[asked.biased[i]] = before[--at];
    for (int i = asked.penalised_count; i--;) row[asked.penalised[i]] = before[--at];
}

static void likeliest(Row& row, const Asked& asked, const Likely& likely, int place, Scratch& scratch) {
    constexpr float NATURAL = 1.44269504088896341f;
    likely.totals[place] = row.total(NATURAL);
    likely.tops[place] = row.top();
    if (!asked.best) return;
    const int count = row.best(asked.best);
    int32_t* tokens = likely.best + long(place) * likely.most;
    float* logits = likely.best_logits + long(place) * likely.most;
    std::vector<std::pair<float, int32_t>> found;
    for (int i = 0; i < count; ++i) found.push_back({-scratch.logits[size_t(i)], scratch.places[size_t(i)]});
    std::sort(found.begin(), found.end());
    for (const auto& [negative, token] : found) {
        *tokens++ = token;
        *logits++ = -negative;
    }
}

void Sampler::one(float* values, const Asked* asked, int64_t* token, const Likely& likely, int place, Scratch& scratch) const {
    const bool changes = asked && asked->penalised_count + asked->biased_count + asked->banned_count;
    const bool told = asked && asked->best >= 0;
    *token = -1;
    const auto chosen = [&](Row& row) { return asked && asked->scale > 0 ? row.draw(*asked) : row.largest(); };
    if (!changes || told) {
        Row row(values, vocabulary_, kernels_, scratch);
        if (!row.finite()) return;
        if (told) likeliest(row, *asked, likely, place, scratch);
        if (!changes) *token = chosen(row);
    }
    if (changes) {
        change(values, *asked, scratch.before);
        Row row(values, vocabulary_, kernels_, scratch);
        if (row.finite()) *token = chosen(row);
        restore(values, *asked, scratch.before);
    }
    if (told && *token >= 0) likely.logits[place] = values[*token];
}

}  // namespace jackfield

using namespace jackfield;

#define API extern "C" __attribute__((visibility("default")))

API Sampler* jackfield_sampler_new(int vocabulary, int threads, int set) {
    try {
        return new Sampler(vocabulary, threads, set == 1 ? avx512_rows : avx2_rows);
    } catch (const std::exception&) {
        return nullptr;
    }
}

API void jackfield_sampler_free(Sampler* sampler) { delete sampler; }

// `likely` is not looked at where `asked` is null or asks for nothing.
API void jackfield_sampler_choose(Sampler* sampler, float* logits, int64_t ld, const int64_t* rows, const Asked* const* asked,
                                 int count, int64_t* tokens, const Likely* likely) {
    sampler->choose(logits, long(ld), rows, asked, count, tokens, likely ? *likely : Likely{});
}
