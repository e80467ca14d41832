// All kernels of the set that JACKFIELD_SET and the lanes before this line name.
#pragma once

#include "strided.h"
#include "fetching.h"
#include "linear.h"
#include "integer.h"
#include "elementwise.h"
#include "attention.h"

namespace jackfield::JACKFIELD_SET {

constexpr Kernels table(const char* name) {
    return {name, PAIRS, linear, integer, quantise, norm, activate, rotate, attend, exponentials};
}

}  // namespace jackfield::JACKFIELD_SET
