#include "caches.h"

#include <algorithm>
#include <unistd.h>

namespace jackfield {

// Bytes of the first (1) or the third cache (3); 0 if the system does not say.
static long cache(int level) {
#if defined(_SC_LEVEL1_DCACHE_SIZE) && defined(_SC_LEVEL3_CACHE_SIZE)
    const long bytes = sysconf(level == 1 ? _SC_LEVEL1_DCACHE_SIZE : _SC_LEVEL3_CACHE_SIZE);
    return bytes > 0 ? bytes : 0;
#else
    (void)level;
    return 0;
#endif
}

const bool roomy_first_cache = cache(1) >= 48 << 10;

// Three eighths of the third cache, but never more than of 32 MB, for which it was measured: others share it, and some
// systems tell the size of all third caches together. Of 16 MB where the system tells nothing.
const double ahead_room = double(std::min(cache(3) > 0 ? cache(3) : 16L << 20, 32L << 20)) * 3 / 8;

}  // namespace jackfield
