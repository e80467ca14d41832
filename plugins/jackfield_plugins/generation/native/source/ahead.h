// Memory that a thread fetches while it computes something else: keys and values of the attention that comes next.
#pragma once
#include <cstddef>
#include <cstdint>

namespace jackfield {

constexpr int LINE = 64;  // bytes

// Lines that lie in a row, at least one, from so many bytes behind a base that is given later.
struct Piece { size_t at; int lines; };

struct Run { const char *at = nullptr, *end = nullptr; };

// The lines of pieces one after the other, as far as the work has come that they were spread over.
class Ahead {
public:
    Ahead() = default;
    // `lines`: of all pieces together. `products`: of one weight with one input.
    Ahead(const char* base, const Piece* pieces, size_t count, double lines, double products)
        : base_(base), piece_(pieces), last_(pieces + count), rate_(products > 0 ? float(lines / products) : 0) {}

    // How many lines were not given out yet, of pieces that have been begun or all.
    int64_t remaining() const {
        int64_t lines = (left_.end - left_.at) / LINE;
        for (const Piece* piece = piece_; piece != last_; ++piece) lines += piece->lines;
        return lines;
    }
    // How many lines are due in each of `turns` turns, at least one, that compute so many products together.
    int take(int products, int turns) {
        if (left_.at == left_.end && piece_ == last_) return 0;
        due_ += float(products) * rate_;
        const int each = int(due_ / float(turns));
        due_ -= float(each * turns);
        return each;
    }
    // What is left of the piece that is being fetched; who fetches says how far it came.
    Run left() const { return left_; }
    void came(const char* at) { left_.at = at; }
    // The next piece; empty when there is none.
    __attribute__((always_inline)) Run next() {  // a call amid a product would cost it its registers
        if (piece_ == last_) return left_ = {};
        const char* at = base_ + piece_->at;
        left_ = {at, at + size_t(piece_->lines) * LINE};
        ++piece_;
        return left_;
    }

private:
    const char* base_ = nullptr;
    Run left_{};
    const Piece *piece_ = nullptr, *last_ = nullptr;
    float due_ = 0, rate_ = 0;
};

}  // namespace jackfield
