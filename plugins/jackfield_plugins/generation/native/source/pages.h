// Memory in huge pages: a step reads all weights, and with small pages nearly every one of them is a walk of the tables.
#pragma once
#include <cstddef>

namespace jackfield {

// Zeroed memory, aligned to a page. Small pieces share huge pages with their neighbours, since a layer's weights are
// often no larger than one. Throws std::bad_alloc. Any thread.
void* reserve(size_t bytes);
// Gives back what `reserve` gave for as many bytes, or nothing for null. Any thread.
void unreserve(void* memory, size_t bytes);

}  // namespace jackfield
