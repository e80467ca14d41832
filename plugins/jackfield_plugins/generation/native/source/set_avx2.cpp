// The kernels for AVX2, FMA and F16C.
#include "kernels.h"

#include <immintrin.h>
#include <type_traits>
#include <utility>

#pragma GCC target("avx2,fma,f16c")
#define JACKFIELD_SET avx2
#include "lanes_avx2.h"
#include "table.h"

namespace jackfield {
const Kernels avx2_kernels = avx2::table("avx2");
}
