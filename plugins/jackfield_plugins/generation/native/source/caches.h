// How large the processor's caches are, as far as the system tells.
#pragma once

namespace jackfield {

// Whether the first cache has room for two stretches of weights (16 KB each, see blocked.h) and what is used with them.
extern const bool roomy_first_cache;
// Bytes of keys and values of one layer that are fetched ahead at most.
extern const double ahead_room;

}  // namespace jackfield
