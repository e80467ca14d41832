// A decoder of the Llama family: its weights, its pool of KV blocks, its working memory, and the step.
#pragma once
#include "filling.h"
#include "threads.h"
#include "weights.h"

#include <memory>
#include <string>

namespace jackfield {

struct Shape {
    int32_t layers, hidden, heads, key_value_heads, head_size, feed_forward, vocabulary;
    int32_t block_size, blocks, half_cache, pairs, threads;
    float epsilon, rope_factor;
};

struct LayerWeights {
    std::unique_ptr<Linear> qkv, output, gate_up, down;
    std::vector<float> attention_norm, feed_forward_norm, query_norm, key_norm;  // the last two may be empty
    int window = 0;
};

// The rows of a step, as in `TokenRows` of decoder.py.
struct StepRows {
    const int32_t *tokens, *positions, *lines, *tables, *wanted;
    int32_t rows, table_lines, table_blocks, wanted_rows;
};

enum Part { NORM, QKV, ROTATE, ATTEND, OUTPUT, GATE_UP, DOWN, HEAD, PARTS };

// How many rows of gate and up a thread holds before they are activated, and floats of one: four panels of each.
constexpr int GATED_ROWS = 256, GATED_FLOATS = 2 * 4 * LANES;

class Block {  // memory that grows, zeroed when it is new
public:
    ~Block();
    void fit(size_t bytes);
    template <class T> T* as() const { return static_cast<T*>(memory_); }

private:
    void* memory_ = nullptr;
    size_t bytes_ = 0;
};

class Decoder {
public:
    Decoder(const Shape& shape, const float* frequencies, const Kernels& kernels, std::vector<int> processors);
    ~Decoder();

    std::vector<LayerWeights> layers;
    std::vector<float> final_norm;
    std::unique_ptr<Linear> head;
    Raw embedding{};

    // Writes logits [wanted][vocabulary], rows `ld` floats apart (a multiple of 32, at least the vocabulary). Gives a
    // sentence about what is wrong with the rows, or an empty string.
    std::string step(const StepRows& rows, float* logits, long ld);
    void copy(const int32_t* pairs, int count);
    // For tests: the blocks that home `home` would fetch ahead in such a step, in that order.
    std::vector<int> ahead(const StepRows& rows, int home);
    uint64_t nanoseconds[PARTS] = {};  // of thread 0, by part of the step, since the beginning

private:
    struct Group { int first, rows; };  // rows of one sequence that attend together
    struct Way {                        // of one thread through the step
        const StepRows& rows;
        int thread, live, phase = 0;    // live: rows that are still worked on
        Patience patience;
        uint64_t clock = 0;
        Ahead ahead;
    };

    struct Effort { double products, intensity; };

    std::string check(const StepRows& rows) const;
    int widest() const;
    void prepare();
    void work(Way& way, float* logits, long ld);
    void layer(Way& way, size_t index);
    void embed(const StepRows& rows, int row);
    void attention(Way& way, size_t index);
    void rotate(const StepRows& rows, size_t index, int row, int head);
    void attend(const StepRows& rows, size_t index, const Group& group, int head, int thread);
    void last(Way& way);
    void norm(const float* weight, const Linear& next, int row, int thread);
    void gated(Way& way, const Linear& gate_up, const Linear& down);
    void activate(const Linear& gate_up, const Linear& down, Range panels, Range rows, float* scratch, Ahead* ahead);
    static Effort effort(const LayerWeights& weights);
    void look_ahead();
    void fetch_next(Way& way, size_t index);
    int cuts(int rows, const Linear& linear) const;
    void quantise(const Linear& next, const Rows& rows, int row) const;
    void linear(Way& way, Part part, const Linear& linear, const Rows& in, float* y, long ldy, bool add);
    void* cached(bool values, size_t layer, int block, int head, int position) const;
    template <class Work> void share(Way& way, Part part, int units, int grain, Work&& work);

    const Shape shape_;
    const std::vector<float> frequencies_;
    const Kernels& kernels_;
    Pool pool_;
    const int homes_;  // runs of units that each phase has
    // the pool: [block][layer][keys, values][KV head]…, so that its memory is taken as blocks are
    const size_t element_, part_bytes_, block_bytes_;
    void* cache_ = nullptr;
    size_t cache_bytes_ = 0;
    std::unique_ptr<Filler> filler_;

    // working memory, by row
    Block residual_, normed_, qkv_, attended_, activated_, angles_, quantised_[3], scratch_;
    long ld_hidden_, ld_qkv_ = 0, ld_attended_, ld_activated_, scratch_floats_ = 0;
    Rows normed_rows_{}, attended_rows_{}, activated_rows_{};
    std::vector<Group> groups_;
    std::vector<Phase> phases_;
    // by home: the first layer's keys and values that are fetched ahead; in which step a block was last taken up
    std::vector<std::vector<Piece>> pieces_;
    std::vector<uint64_t> seen_;
    uint64_t step_ = 0;
    int window_ = 0;  // of a step: see `widest`
    StepRows rows_{};
    bool single_ = false;  // every group is one row: nobody attends to keys of this step but its own
};

}  // namespace jackfield
