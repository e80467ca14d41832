// Matrix products in fp32 over weights in any storage.
//
// The sum of an output runs over the inputs in ascending order in one accumulator, which every 128 inputs is added to a
// total (long sums lose less that way), whatever the number of rows: a row's result is the same bits in any company.
// Lanes are outputs, tiles are panels times rows.
#pragma once
#include "readers.h"
#include "tiles.h"
#include "blocked.h"

namespace jackfield::JACKFIELD_SET {

template <class Reader> static void product(const Product& p) {
    const Panels& w = *p.weight;
    const int end = p.first + p.count;
    if (p.rows == 1) {
        int panel = p.first;
        for (; panel + 4 <= end; panel += 4) tile<Reader, 4, 1>(p, w, panel, p.from);
        for (; panel < end; panel += 2) tile<Reader, 2, 1>(p, w, panel, p.from);
        return;
    }
    for (int panel = p.first; panel < end; panel += 2) {
        if (p.rows <= TILE_ROWS) {
            for (int n = 0; n < 2; n += TILE_PANELS) rows_of<Reader, TILE_PANELS, TILE_ROWS>(p, w, panel + n, p.rows);
        } else {
            const uint8_t* next = panel + 2 < end ? w.pair_of(panel + 2) : p.next;
            for (int row = 0; row < p.rows; row += BLOCKED_ROWS) {
                const int rows = p.rows - row < BLOCKED_ROWS ? p.rows - row : BLOCKED_ROWS;
                blocked<Reader>(p, panel, p.from + row, rows, row + rows < p.rows ? w.pair_of(panel) : next);
            }
        }
    }
}

// first and count are even
static void linear(const Product& p) {
    if (p.rows <= 0) return;
    switch (p.weight->kind) {
        case FULL: product<Full>(p); break;
        case HALF: product<Sixteen<false>>(p); break;
        case BRAIN: product<Sixteen<true>>(p); break;
        case CODES8: product<Coded<8>>(p); break;
        case CODES4: product<Coded<4>>(p); break;
    }
}

}  // namespace jackfield::JACKFIELD_SET
