// Memory that a thread fetches while it computes something else: keys and values of the attention that comes next.
#pragma once
#include <cstddef>
#include <cstdint>

namespace jackfield {

constexpr int LINE = 64;  // bytes

// Bytes that lie in a row, from a base that is given later.
struct Piece { size_t at; int lines; };

// Lines for every turn of a loop that takes as many turns as it said.
struct Turns {
    const char* at = nullptr;
    int each = 0;
};

// Pieces one after the other, as far as the work has come that they were spread over.
class Ahead {
public:
    Ahead() = default;
    // `lines`: of all pieces together. `products`: of one weight with one input.
    Ahead(const char* base, const Piece* pieces, size_t count, double lines, double products)
        : base_(base), piece_(pieces), end_(pieces + count), rate_(products > 0 ? float(lines / products) : 0) {}

    // What is due by a loop of `turns` turns that computes `products`. A piece's last turns may reach beyond it.
    Turns take(int products, int turns) {
        if (piece_ == end_) return {};
        due_ += float(products) * rate_;
        const int left = (piece_->lines - done_ + turns - 1) / turns, ready = int(due_ / float(turns));
        const int each = ready < left ? ready : left;
        if (each == 0) return {};
        const char* at = base_ + piece_->at + size_t(done_) * LINE;
        due_ -= float(each * turns);
        done_ += each * turns;
        if (done_ >= piece_->lines) {
            ++piece_;
            done_ = 0;
        }
        return {at, each};
    }

private:
    const char* base_ = nullptr;
    const Piece *piece_ = nullptr, *end_ = nullptr;
    int done_ = 0;  // lines of the piece
    float due_ = 0, rate_ = 0;
};

}  // namespace jackfield
