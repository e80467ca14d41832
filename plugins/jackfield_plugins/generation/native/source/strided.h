// Rows that a tile reads side by side.
#pragma once

namespace jackfield::JACKFIELD_SET {

#define MEMBER inline __attribute__((always_inline))

// M rows, `step` bytes apart. Three share a register: left alone, the compiler keeps an address for each row and each input
// of a tile, most of them in memory, and reads them where it should read the rows.
template <class T, int M> struct Strided {
    static constexpr int several = (M + 2) / 3;
    const char* at[several];
    long step;
    MEMBER Strided(const T* from, long step) : step(step) {
        for (int i = 0; i < several; ++i) at[i] = (const char*)from + 3 * i * step;
    }
    // Once in each turn of a loop: addresses are not to be worked out before it.
    MEMBER void here() {
#pragma GCC unroll 16
        for (int i = 0; i < several; ++i) asm("" : "+r"(at[i]));
        asm("" : "+r"(step));
    }
    MEMBER void skip(int count) {
#pragma GCC unroll 16
        for (int i = 0; i < several; ++i) at[i] += count * int(sizeof(T));
    }
    MEMBER const T* of(int m) const { return (const T*)(at[m / 3] + m % 3 * step); }
};

}  // namespace jackfield::JACKFIELD_SET
