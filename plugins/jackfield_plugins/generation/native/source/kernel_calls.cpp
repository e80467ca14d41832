// Single kernels for Python: what the tests compare with float64 and the benchmark measures.
#include "threads.h"
#include "weights.h"

#include <algorithm>

using namespace jackfield;

#define API extern "C" __attribute__((visibility("default")))

static const Kernels& set_of(int number) { return number == 1 ? avx512_kernels : avx2_kernels; }

API void jackfield_floats(int stored, const uint8_t* row, int inputs, float* out) { floats(stored, row, inputs, out); }

// x: [rows][depth], zero past the inputs; y: [rows][columns]. All units. Meanwhile so many lines from x on are fetched,
// spread over all products; gives how many were not.
API int jackfield_linear_run(const Linear* linear, int set, const float* x, int rows, float* y, int add, int lines) {
    const Kernels& kernels = set_of(set);
    const size_t depth = size_t(linear->depth), count = size_t(rows);
    std::vector<uint8_t> memory(quantised_bytes(count, depth));
    std::vector<float> scratch(LINEAR_SCRATCH);
    Rows in{const_cast<float*>(x), linear->depth, quantised_in(memory.data(), count, depth, linear->sixteens)};
    if (linear->codes)
        for (int row = 0; row < rows; ++row) kernels.quantise(x + row * in.ldx, 0, linear->depth, row, in.q);
    const Piece piece{0, lines};
    Ahead ahead(reinterpret_cast<const char*>(x), &piece, lines > 0, lines, double(linear->depth) * linear->columns * rows);
    for (const Unit& unit : linear->units(rows))
        compute(kernels, *linear, unit, in, {0, rows}, y + linear->column(unit), linear->columns, add != 0, scratch.data(), nullptr,
                &ahead);
    return int(ahead.remaining());
}

// The quantised row in one piece of memory: see quantised_in.
API void jackfield_quantise(int set, const float* x, int depth, uint8_t* memory) {
    set_of(set).quantise(x, 0, depth, 0, quantised_in(memory, 1, size_t(depth), true));
}

API int jackfield_wants_pairs(int set) { return set_of(set).pairs; }

API void jackfield_norm(int set, const float* x, const float* weight, float epsilon, int size, int depth, float* out) {
    set_of(set).norm(x, weight, epsilon, size, depth, out);
}

API void jackfield_activate(int set, const float* gate, const float* up, int size, float* out) {
    set_of(set).activate(gate, up, size, out);
}

API void jackfield_exponential(int set, const float* x, int size, float* out) { set_of(set).exponential(x, size, out); }

API void jackfield_rotate(int set, const Rotation* rotation) { set_of(set).rotate(*rotation); }

API void jackfield_attend(int set, const Attention* attention) { set_of(set).attend(*attention); }

// What loops of [products, turns] fetch of pieces, each with its first line and how many lines, from `base` on: `found` gets
// the lines, at most `most`, `counts` for each loop how many. The last loop's lines may be fewer than it asked for.
API void jackfield_ahead(const uint8_t* base, const int64_t* firsts, const int32_t* lines, int count, const int32_t* loops,
                         int times, int64_t* found, int most, int32_t* counts) {
    std::vector<Piece> pieces;
    double all = 0, products = 0;
    for (int i = 0; i < count; ++i) {
        pieces.push_back({size_t(firsts[i]) * LINE, lines[i]});
        all += lines[i];
    }
    for (int i = 0; i < times; ++i) products += loops[2 * i];
    const char* from = reinterpret_cast<const char*>(base);
    Ahead ahead(from, pieces.data(), pieces.size(), all, products);
    for (int i = 0, at = 0; i < times; ++i) {
        counts[i] = 0;
        for (int wanted = ahead.take(loops[2 * i], loops[2 * i + 1]) * loops[2 * i + 1]; wanted > 0 && at < most; --wanted) {
            Run run = ahead.left();
            if (run.at == run.end) run = ahead.next();
            if (!run.at) break;
            found[at++] = (run.at - from) / LINE;
            ahead.came(run.at + LINE);
            ++counts[i];
        }
    }
}

// Three jobs of `times` phases, of so many units that threads come and go at once; gives how often a phase began before
// the one before it was done, or a unit was done other than once.
API int jackfield_phases(int threads, int times) {
    std::vector<Phase> phases(static_cast<size_t>(times));
    std::vector<std::atomic<int>> counts(static_cast<size_t>(times));
    std::atomic<int> wrong{0};
    const int homes = std::min(threads, int(Phase::HOMES));
    Pool pool(threads, {});  // the last, so that it ends first
    for (int job = 0; job < 3; ++job) {
        pool.settle();
        for (auto& phase : phases) phase.reset();
        for (auto& count : counts) count = 0;
        pool.run([&](int thread) {  // which may still look at what it captured when `run` is over
            Patience patience;
            for (int i = 0; i < times; ++i) {
                const int units = i % 7;
                phases[size_t(i)].share(units, homes, thread % homes, 1 + i % 2, patience, [&](int) {
                    if (i > 0 && counts[size_t(i - 1)] != (i - 1) % 7) wrong.fetch_add(1);
                    counts[size_t(i)].fetch_add(1);
                });
                if (counts[size_t(i)] != units) wrong.fetch_add(1);
            }
        });
    }
    return wrong.load();
}
