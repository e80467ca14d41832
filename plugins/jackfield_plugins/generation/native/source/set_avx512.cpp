// The kernels for AVX-512 with VNNI.
#include "kernels.h"

#include <immintrin.h>
#include <type_traits>
#include <utility>

#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")
#define JACKFIELD_SET avx512
#include "lanes_avx512.h"
#include "table.h"

namespace jackfield {
const Kernels avx512_kernels = avx512::table("avx512");
}
